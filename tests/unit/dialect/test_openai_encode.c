/* SPDX-License-Identifier: MIT */
/* test_openai_encode.c - the upstream's body, byte for byte: roles, joins, prefill in each form,
 * ranges by profile, and that a longer conversation only grows behind the same prefix
 * (upstreams.md 3.0, P2 and P3). */
#include "dialect/openai/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/anthropic/decode.h"

struct translated {
    struct buf out;
    struct buf lossy;
    bool ok;
    char why[200];
};

static void translate(struct str body, const struct openai_target *target, struct translated *t)
{
    struct json_reader json;
    struct arena arena;
    struct chat_request request = {0};
    struct lossy lossy = {0};
    struct fault fault = {0};
    *t = (struct translated){0};
    buf_init(&t->out, 1000000);
    buf_init(&t->lossy, 10000);
    json_reader_init(&json, 64, 100000, 1);
    arena_init(&arena, SIZE_MAX);
    assert_int_equal(json_read(&json, body), RC_OK);
    if (!anthropic_decode(json_root(&json), (struct anthropic_rules){false, DOOR_V1}, &arena,
                          &request, &lossy, &fault)) {
        fail_msg("not decoded: %.*s", STR_ARG(fault.message));
    }
    lossy = (struct lossy){0};
    t->ok = openai_encode(&request, target, &t->out, &lossy, &fault);
    if (!t->ok) {
        assert_int_equal(fault.kind, FAULT_INVALID);
        assert_false(fault.failover);
        (void)snprintf(t->why, sizeof(t->why), "%.*s", STR_ARG(fault.message));
    } else {
        assert_int_equal(json_read(&json, buf_str(&t->out)), RC_OK);
    }
    lossy_render(&lossy, &t->lossy);
    arena_fini(&arena);
    json_reader_fini(&json);
}

static void translated_fini(struct translated *t)
{
    buf_fini(&t->out);
    buf_fini(&t->lossy);
}

struct row {
    const char *name;
    const char *profile;
    uint64_t max_output;
    const char *body;
    const char *expect; /* the whole body, or the refusal */
    const char *lossy;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct openai_target target = {.profile = profile_find(str_c(rows[i].profile)),
                                             .model = STR("up"),
                                             .max_output = rows[i].max_output};
        struct translated t;
        assert_non_null(target.profile);
        translate(str_c(rows[i].body), &target, &t);
        struct str got = t.ok ? buf_str(&t.out) : str_c(t.why);
        if (!str_eq(got, str_c(rows[i].expect)) ||
            !str_eq(buf_str(&t.lossy), str_c(rows[i].lossy ? rows[i].lossy : ""))) {
            fail_msg("%s:\n  got      %.*s (%.*s)\n  expected %s (%s)", rows[i].name, STR_ARG(got),
                     STR_ARG(buf_str(&t.lossy)), rows[i].expect,
                     rows[i].lossy ? rows[i].lossy : "");
        }
        translated_fini(&t);
    }
}

#define IN(more)                                                                                   \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]" more \
    "}"
#define HEAD "{\"model\":\"up\",\"messages\":["
#define USER "{\"role\":\"user\",\"content\":\"Hi\"}"
#define TAIL(more)                                                                                 \
    "],\"max_tokens\":9" more ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"
#define OUT(more) HEAD USER TAIL(more)
#define PREFILLED                                                                                  \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{"     \
    "\"role\":\"assistant\",\"content\":\"A\"}]}"

static void messages_keep_their_text(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the smallest", "openai-lenient", 0, IN(""), OUT(""), NULL},
        {"hard case 142: system blocks are joined by an empty line", "openai-lenient", 0,
         IN(",\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\\n\"},"
            "{\"type\":\"text\",\"text\":\"c\"}]"),
         HEAD "{\"role\":\"system\",\"content\":\"a\\n\\nb\\n\\n\\nc\"}," USER TAIL(""), NULL},
        {"system as text", "openai-lenient", 0, IN(",\"system\":\"a\\u00e4\\\"\""),
         HEAD "{\"role\":\"system\",\"content\":\"a\\u00e4\\\"\"}," USER TAIL(""), NULL},
        {"an empty system is none", "openai-lenient", 0, IN(",\"system\":\"\""), OUT(""), NULL},
        {"user blocks become parts", "openai-lenient", 0,
         "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
         HEAD "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
              "\"text\",\"text\":\"b\"}]}" TAIL(""),
         NULL},
        {"user blocks where only strings are taken", "tgi", 0,
         "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
         HEAD "{\"role\":\"user\",\"content\":\"a\\n\\nb\"}" TAIL(""), NULL},
        {"one block is a string", "openai-lenient", 0,
         "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"Hi\"}]}]}",
         OUT(""), NULL},
        {"assistant blocks are joined as they are", "openai-lenient", 0,
         "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":"
         "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\","
         "\"text\":\"b\"}]},{\"role\":\"user\",\"content\":\"Hi\"}]}",
         HEAD USER ",{\"role\":\"assistant\",\"content\":\"ab\"}," USER TAIL(""), NULL},
        {"escapes are copied, lone halves replaced", "openai-lenient", 0,
         "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"\\n\\/"
         "\\ud83d\\ude00\\ud83d\"}]}",
         HEAD "{\"role\":\"user\",\"content\":\"\\n\\/\\ud83d\\ude00\\ufffd\"}" TAIL(""), NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void prefill_takes_each_form(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"native", "llamacpp", 0, PREFILLED,
         HEAD USER ",{\"role\":\"assistant\",\"content\":\"A\"}" TAIL(""), NULL},
        {"vLLM", "vllm", 0, PREFILLED,
         HEAD USER ",{\"role\":\"assistant\",\"content\":\"A\"}],\"max_tokens\":9,\"stream\":true,"
                   "\"stream_options\":{\"include_usage\":true},\"continue_final_message\":true,"
                   "\"add_generation_prompt\":false}",
         NULL},
        {"vLLM without prefill", "vllm", 0, IN(""), OUT(""), NULL},
        {"Mistral", "mistral", 0, PREFILLED,
         HEAD USER ",{\"role\":\"assistant\",\"content\":\"A\",\"prefix\":true}],\"max_tokens\":9,"
                   "\"stream\":true}",
         NULL},
        {"Kimi", "kimi", 0, PREFILLED,
         HEAD USER ",{\"role\":\"assistant\",\"content\":\"A\",\"partial\":true}" TAIL(""), NULL},
        {"refused", "openai-strict", 0, PREFILLED,
         "This model does not support assistant message prefill. The conversation must end with a "
         "user "
         "message.",
         NULL},
    };
    check(rows, COUNT_OF(rows));
}

static void numbers_follow_the_profile(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"spelling stays", "openai-lenient", 0,
         IN(",\"temperature\":0.70,\"top_p\":9e-1,\"top_k\":5"),
         OUT(",\"temperature\":0.70,\"top_p\":9e-1,\"top_k\":5"), NULL},
        {"ruling 33: above the profile's range", "kimi", 0, IN(",\"temperature\":1.5"),
         OUT(",\"temperature\":1"), "temperature=clamped"},
        {"ruling 33: below the profile's range", "minimax", 0, IN(",\"temperature\":0"),
         OUT(",\"temperature\":0.01"), "temperature=clamped"},
        {"ruling 33: in a narrower range", "mistral", 0, IN(",\"temperature\":1.5"),
         HEAD USER "],\"max_tokens\":9,\"temperature\":1.5,\"stream\":true}", NULL},
        {"ruling 33: top_p 0 is greedy", "vllm", 0, IN(",\"top_p\":0"), OUT(",\"top_k\":1"), NULL},
        {"ruling 33: top_p 0.0 beside top_k", "vllm", 0, IN(",\"top_p\":0.0,\"top_k\":40"),
         OUT(",\"top_k\":1"), NULL},
        {"ruling 33: greedy without top_k", "groq", 0, IN(",\"top_p\":0"), OUT(""),
         "top_p=dropped"},
        {"ruling 33: top_k 0 is left out", "vllm", 0, IN(",\"top_k\":0"), OUT(""), NULL},
        {"hard case 136: top_k where nobody knows it", "groq", 0, IN(",\"top_k\":5"), OUT(""),
         "top_k=dropped"},
        {"ruling 2, hard case 94: max_tokens above the cap", "openai-lenient", 5, IN(""),
         HEAD USER
         "],\"max_tokens\":5,\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
         "max_tokens=clamped"},
        {"max_tokens at the cap", "openai-lenient", 9, IN(""), OUT(""), NULL},
        {"max_tokens absent: the cap", "openai-lenient", 9, "{\"messages\":[" USER "]}", OUT(""),
         NULL},
        {"max_tokens absent, no cap", "openai-lenient", 0, "{\"messages\":[" USER "]}",
         HEAD USER
         "],\"max_tokens\":8192,\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
         NULL},
        {"ruling 34: a pre-warm asks for one token", "openai-lenient", 0,
         "{\"max_tokens\":0,\"messages\":[" USER "]}",
         HEAD USER
         "],\"max_tokens\":1,\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
         NULL},
        {"the other field", "openai", 0, IN(""),
         HEAD USER "],\"max_completion_tokens\":9,\"stream\":true,\"stream_options\":{\"include_"
                   "usage\":true}}",
         NULL},
        {"nothing when absent, ruling 36", "openai-strict", 0, IN(""), OUT(""), NULL},
    };
    check(rows, COUNT_OF(rows));
}

/* The max_tokens that goes out for a prompt of about `prompt` tokens. */
static uint64_t sent_for_window(uint64_t context, uint64_t max_output, size_t prompt,
                                uint64_t asked)
{
    static char text[40000];
    struct chat_block block = {BLOCK_TEXT, {str_of(text, prompt * 4), false}};
    struct chat_message message = {ROLE_USER, &block, 1};
    struct chat_request request = {.messages = &message, .message_count = 1};
    struct openai_target target = {profile_find(STR("openai-lenient")), STR("m"), max_output,
                                   context};
    struct lossy lossy = {0};
    struct fault fault;
    struct buf out;
    struct str rest;
    struct str number;
    uint64_t sent = 0;
    memset(text, 'a', sizeof(text));
    request.max_tokens = (struct maybe_u64){asked > 0, asked};
    buf_init(&out, 65536);
    assert_true(openai_encode(&request, &target, &out, &lossy, &fault));
    rest = str_skip(buf_str(&out), str_find(buf_str(&out), STR("\"max_tokens\":")) + 13);
    (void)str_cut(&rest, ',', &number);
    assert_true(str_to_u64(number, &sent));
    assert_int_equal(lossy.count, asked > sent);
    buf_fini(&out);
    return sent;
}

static void ruling_2_the_window_caps_the_answer(void **state)
{
    (void)state;
    assert_int_equal(sent_for_window(0, 0, 1000, 128000), 128000);
    uint64_t sent = sent_for_window(10000, 0, 1000, 32000);
    assert_in_range(sent, 8900, 9000);
    assert_int_equal(sent_for_window(10000, 4000, 1000, 32000), 4000); /* the smaller of both */
    assert_int_equal(sent_for_window(10000, 0, 1000, 50), 50);
    assert_int_equal(sent_for_window(2000, 0, 9000, 50000),
                     OPENAI_LEAST_ROOM); /* never refused by a guess */
    assert_int_equal(sent_for_window(2000, 0, 1, 0), sent_for_window(2000, 0, 1, 50000));
}

static void stops_travel_only_where_they_are_reported(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"ruling 12: reported", "vllm", 0, IN(",\"stop_sequences\":[\"a\\n\",\"\\u00e4\"]"),
         OUT(",\"stop\":[\"a\\n\",\"\xc3\xa4\"]"), NULL},
        {"ruling 12: not reported, the gateway scans", "openai-lenient", 0,
         IN(",\"stop_sequences\":[\"a\"]"), OUT(""), NULL},
        {"at most as many as it takes", "trtllm", 0,
         IN(",\"stop_sequences\":[\"a\",\"b\",\"c\",\"d\"]"),
         OUT(",\"stop\":[\"a\",\"b\",\"c\",\"d\"]"), NULL},
        {"more than it takes: none, the gateway scans", "trtllm", 0,
         IN(",\"stop_sequences\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), OUT(""), NULL},
    };
    check(rows, COUNT_OF(rows));
    struct str stop = STR("a");
    const struct chat_request thinking = {.thinking = true, .stop = &stop, .stop_count = 1};
    assert_false(
        openai_sends_stops(&thinking, profile_find(STR("vllm")))); /* ruling 12, hard case 93 */
}

static void a_body_above_the_ceiling_is_413(void **state)
{
    (void)state;
    struct chat_block block = {BLOCK_TEXT, {STR("a long text that does not fit"), false}};
    struct chat_message message = {ROLE_USER, &block, 1};
    const struct chat_request request = {.messages = &message, .message_count = 1};
    const struct openai_target target = {.profile = profile_at(0), .model = STR("up")};
    struct lossy lossy = {0};
    struct fault fault = {0};
    struct buf out;
    buf_init(&out, 40);
    assert_false(openai_encode(&request, &target, &out, &lossy, &fault));
    assert_int_equal(fault.status, 413);
    buf_fini(&out);
}

/* --- P3: append only --- */

/* Offset of the bracket that closes messages. */
static size_t end_of_messages(struct str body)
{
    struct json_reader json;
    json_reader_init(&json, 64, 100000, 1);
    assert_int_equal(json_read(&json, body), RC_OK);
    struct json list = json_get(json_root(&json), STR("messages"));
    size_t end = json_offset(list) + json_raw(list).n - 1;
    json_reader_fini(&json);
    return end;
}

static void put_turns(struct buf *body, unsigned turns, uint64_t seed)
{
    buf_add_fmt(
        body,
        "{\"system\":[{\"type\":\"text\",\"text\":\"s\\u00e4\"}],\"max_tokens\":%u,\"messages\":[",
        turns + 1);
    for (unsigned i = 0; i < turns; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        buf_add_fmt(body, "%s{\"role\":\"%s\",\"content\":", i ? "," : "",
                    i % 2 ? "assistant" : "user");
        if (seed >> 63) {
            buf_add_fmt(body,
                        "[{\"type\":\"text\",\"text\":\"%x\\n\"},{\"type\":\"text\",\"text\":"
                        "\"\\ud83d\"}]}",
                        (unsigned)(seed >> 40));
        } else {
            buf_add_fmt(body, "\"t%x\"}", (unsigned)(seed >> 40));
        }
    }
    buf_add_fmt(body, "]}");
}

static void a_longer_conversation_extends_the_shorter(void **state)
{
    (void)state;
    for (size_t p = 0; profile_at(p); p++) {
        const struct openai_target target = {.profile = profile_at(p), .model = STR("up")};
        for (unsigned turns = 1; turns < 10; turns += 2) {
            struct translated shorter;
            struct translated longer;
            struct buf body;
            buf_init(&body, 100000);
            put_turns(&body, turns, p);
            translate(buf_str(&body), &target, &shorter);
            buf_reset(&body);
            put_turns(&body, turns + 2, p);
            translate(buf_str(&body), &target, &longer);
            struct str common =
                str_take(buf_str(&shorter.out), end_of_messages(buf_str(&shorter.out)));
            if (!str_starts(buf_str(&longer.out), common)) {
                fail_msg("P3, profile %.*s, %u turns:\n%.*s\n%.*s", STR_ARG(target.profile->name),
                         turns, STR_ARG(common), STR_ARG(buf_str(&longer.out)));
            }
            translated_fini(&shorter);
            translated_fini(&longer);
            buf_fini(&body);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_keep_their_text),
        cmocka_unit_test(prefill_takes_each_form),
        cmocka_unit_test(numbers_follow_the_profile),
        cmocka_unit_test(ruling_2_the_window_caps_the_answer),
        cmocka_unit_test(stops_travel_only_where_they_are_reported),
        cmocka_unit_test(a_body_above_the_ceiling_is_413),
        cmocka_unit_test(a_longer_conversation_extends_the_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* test_seal.c - signatures of thinking: made, read, altered, foreign; and a history opened with them. Ruling 6, hard
 * cases 70 and 72. */
#include "chat/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct seal_key key = {"0123456789abcdef0123456789abcde"};
static const struct seal_key other = {"another key of thirty-two bytes"};
static const unsigned char nonce[SEAL_NONCE_LEN] = "twelve bytes";

static struct str visible(struct buf *out, struct str text)
{
    struct seal_mac *mac = seal_mac_new(&key);
    seal_mac_add(mac, str_take(text, 3));
    seal_mac_add(mac, str_skip(text, 3));
    seal_mac_end(mac, out);
    return buf_str(out);
}

static void a_visible_seal_covers_the_text(void **state)
{
    (void)state;
    struct buf s;
    struct buf none;
    enum seal_kind kind = SEAL_HIDDEN;
    buf_init(&s, 1000);
    buf_init(&none, 1000);
    struct str signature = visible(&s, STR("I think \xc3\xa4"));
    assert_true(seal_is_ours(signature));
    assert_int_equal(seal_read(&key, signature, STR("I think \xc3\xa4"), &kind, &none), SEAL_VALID);
    assert_int_equal(kind, SEAL_VISIBLE);
    assert_int_equal(seal_read(&key, signature, STR("I think a"), &kind, &none), SEAL_ALTERED);
    assert_int_equal(seal_read(&other, signature, STR("I think \xc3\xa4"), &kind, &none),
                     SEAL_FOREIGN);
    assert_int_equal(none.len, 0);
    buf_fini(&s);
    buf_fini(&none);
}

static void a_hidden_seal_gives_the_text_back(void **state)
{
    (void)state;
    static const enum seal_kind kinds[] = {SEAL_HIDDEN, SEAL_DETAILS};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct buf s;
        struct buf text;
        enum seal_kind kind = SEAL_VISIBLE;
        buf_init(&s, 1000);
        buf_init(&text, 1000);
        seal_write(&key, kinds[i], STR("secret thought"), nonce, &s);
        assert_int_equal(str_find(buf_str(&s), STR("secret")), s.len);
        assert_int_equal(seal_read(&key, buf_str(&s), STR_NONE, &kind, &text), SEAL_VALID);
        assert_int_equal(kind, kinds[i]);
        assert_true(str_eq(buf_str(&text), STR("secret thought")));
        buf_reset(&text);
        assert_int_equal(seal_read(&other, buf_str(&s), STR_NONE, &kind, &text), SEAL_FOREIGN);
        assert_int_equal(text.len, 0);
        buf_fini(&s);
        buf_fini(&text);
    }
}

static void what_is_not_ours_is_foreign(void **state)
{
    (void)state;
    static const char *const rows[] = {"",      "EqQBCkgIARAB",     "ps1_",   "ps1_!!!!",
                                       "ps1_A", "ps1_AAAAAAAAAAAA", "ps1_/w", "ps1_BAAAAAAAAA"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf text;
        enum seal_kind kind = SEAL_VISIBLE;
        buf_init(&text, 1000);
        if (seal_read(&key, str_c(rows[i]), STR("x"), &kind, &text) != SEAL_FOREIGN) {
            fail_msg("\"%s\" was taken for ours", rows[i]);
        }
        buf_fini(&text);
    }
}

static void a_history_is_opened(void **state)
{
    (void)state;
    struct arena a;
    struct buf good;
    struct buf hidden;
    struct str path = STR_NONE;
    arena_init(&a, 100000);
    buf_init(&good, 1000);
    buf_init(&hidden, 1000);
    (void)visible(&good, STR("line\n"));
    seal_write(&key, SEAL_HIDDEN, STR("a \"b\"\n"), nonce, &hidden);
    struct chat_block blocks[] = {
        {.kind = BLOCK_THINKING,
         .text = {STR("line\\u000a"), false},
         .signature = {buf_str(&good), false}},
        {.kind = BLOCK_THINKING, .text = {STR(""), false}, .signature = {buf_str(&hidden), false}},
        {.kind = BLOCK_REDACTED, .text = {buf_str(&hidden), false}},
        {.kind = BLOCK_THINKING, .text = {STR("claude"), false}, .signature = {STR("EqQB"), false}},
        {.kind = BLOCK_REDACTED, .text = {STR("opaque"), false}},
    };
    struct chat_message m = {ROLE_ASSISTANT, blocks, COUNT_OF(blocks)};
    struct chat_request r = {.messages = &m, .message_count = 1};
    assert_true(seal_open_history(&key, &r, &a, true, &path));
    assert_true(blocks[0].sealed);
    assert_true(str_eq(blocks[1].text.raw, STR("a \\\"b\\\"\\n")));
    assert_int_equal(blocks[2].kind, BLOCK_THINKING);
    assert_true(str_eq(blocks[2].text.raw, STR("a \\\"b\\\"\\n")));
    assert_false(blocks[3].sealed);
    assert_int_equal(blocks[4].kind, BLOCK_REDACTED);

    blocks[0].text.raw = STR("another line"); /* assertion 92 */
    assert_true(seal_open_history(&key, &r, &a, false, &path));
    assert_false(seal_open_history(&key, &r, &a, true, &path));
    assert_true(str_eq(path, STR("messages.0.content.0")));
    buf_fini(&good);
    buf_fini(&hidden);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_visible_seal_covers_the_text),
        cmocka_unit_test(a_hidden_seal_gives_the_text_back),
        cmocka_unit_test(what_is_not_ours_is_foreign),
        cmocka_unit_test(a_history_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

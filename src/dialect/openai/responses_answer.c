/* SPDX-License-Identifier: MIT */
/* responses_answer.c - a response object, and the events that lead to it.
 *
 *   START   response.created, response.in_progress
 *   OPEN    response.output_item.added, [response.content_part.added or its like]
 *   DELTA   ....delta
 *   CLOSE   ....done, [....part.done], response.output_item.done
 *   STOP    response.completed | response.incomplete
 *   FAULT   response.failed, or error where nothing was begun
 *
 * One block is one item: text a message, thinking a reasoning item, a call a function_call or
 * custom_tool_call. codex takes the items from output_item.done, SDKs from response.completed, so
 * each is written once into `current` and repeated from there. Reasoning leaves as a summary where
 * the client asked for one, because clients show nothing else; as reasoning_text otherwise. Its
 * signature leaves as encrypted_content where asked for, and responses_items.c takes it back. A
 * custom tool's input is known when its call is whole: it leaves in one delta.
 *
 * A call that the token limit cut is left out of a body (ruling 17); in a stream it is an item
 * that is incomplete. */
#include "dialect/openai/answer_int.h"

#include "base/must.h"
#include "dialect/openai/responses_int.h"
#include "http/sse.h"

/* --- the items --- */

enum item_form { ITEM_MESSAGE, ITEM_SUMMARY, ITEM_REASONING, ITEM_CALL, ITEM_CUSTOM };

static enum item_form item_form(const struct openai_responses_sink *s)
{
    if (s->kind == BLOCK_TOOL_USE) {
        return s->alias && s->alias->custom ? ITEM_CUSTOM : ITEM_CALL;
    }
    if (s->kind == BLOCK_TEXT) {
        return ITEM_MESSAGE;
    }
    return s->answer->asked->summaries ? ITEM_SUMMARY : ITEM_REASONING;
}

/* What a form is called on the wire. */
static const struct form {
    struct str type;
    struct str id_prefix;
    struct str part;       /* the type of its one part; empty: it has none */
    struct str part_event; /* response.X.added and .done */
    struct str part_index;
    struct str text_event; /* response.X.delta and .done */
    const char *text;      /* how .done calls the whole */
} forms[] = {
    [ITEM_MESSAGE] = {ASK_NAME("message"), ASK_NAME("msg_"), ASK_NAME("output_text"),
                      ASK_NAME("content_part"), ASK_NAME("content_index"), ASK_NAME("output_text"),
                      "text"},
    [ITEM_SUMMARY] = {ASK_NAME("reasoning"), ASK_NAME("rs_"), ASK_NAME("summary_text"),
                      ASK_NAME("reasoning_summary_part"), ASK_NAME("summary_index"),
                      ASK_NAME("reasoning_summary_text"), "text"},
    [ITEM_REASONING] = {ASK_NAME("reasoning"), ASK_NAME("rs_"), ASK_NAME("reasoning_text"),
                        ASK_NAME("content_part"), ASK_NAME("content_index"),
                        ASK_NAME("reasoning_text"), "text"},
    [ITEM_CALL] = {ASK_NAME("function_call"), ASK_NAME("fc_"), ASK_NAME(""), ASK_NAME(""),
                   ASK_NAME(""), ASK_NAME("function_call_arguments"), "arguments"},
    [ITEM_CUSTOM] = {ASK_NAME("custom_tool_call"), ASK_NAME("ctc_"), ASK_NAME(""), ASK_NAME(""),
                     ASK_NAME(""), ASK_NAME("custom_tool_call_input"), "input"},
};

static void put_part(struct json_writer *w, enum item_form form, struct str text)
{
    json_open_object(w);
    answer_put_member(w, "type", forms[form].part);
    json_key(w, STR("text"));
    json_put_clean_text(w, text);
    if (form == ITEM_MESSAGE) {
        json_key(w, STR("annotations"));
        json_put_raw(w, STR("[]"));
        json_key(w, STR("logprobs"));
        json_put_raw(w, STR("[]"));
    }
    json_close_object(w);
}

/* "content":[part], or [] while the item has just begun. */
static void put_parts(struct openai_responses_sink *s, struct json_writer *w, const char *key,
                      enum item_form form, bool begun)
{
    json_key(w, str_c(key));
    json_open_array(w);
    if (!begun && s->kind != BLOCK_REDACTED) {
        put_part(w, form, buf_str(&s->current));
    }
    json_close_array(w);
}

static void put_reasoning(struct openai_responses_sink *s, struct json_writer *w,
                          enum item_form form, bool begun)
{
    put_parts(s, w, "summary", ITEM_SUMMARY, begun || form != ITEM_SUMMARY);
    if (form == ITEM_REASONING) {
        put_parts(s, w, "content", form, begun);
    }
    if (s->answer->asked->encrypted_reasoning) {
        json_key(w, STR("encrypted_content"));
        if (s->proof.len > 0) {
            json_put_clean_text(w, buf_str(&s->proof));
        } else {
            json_put_null(w);
        }
    }
}

static void put_call(struct openai_responses_sink *s, struct json_writer *w, enum item_form form,
                     const char *status)
{
    struct str name = buf_str(&s->call);
    struct str id;
    (void)str_cut(&name, '\n', &id); /* no escaped text has one */
    answer_put_member(w, "status", str_c(status));
    json_key(w, STR("call_id"));
    json_put_clean_text(w, id);
    json_key(w, STR("name"));
    json_put_clean_text(w, name);
    if (s->alias && s->alias->space.n > 0) {
        answer_put_member(w, "namespace", s->alias->space);
    }
    json_key(w, str_c(forms[form].text));
    json_put_clean_text(w, buf_str(&s->current));
}

static void put_item(struct openai_responses_sink *s, struct json_writer *w, const char *status)
{
    enum item_form form = item_form(s);
    bool begun = str_eq(str_c(status), STR("in_progress"));
    json_open_object(w);
    answer_put_member(w, "id", id_str(&s->item_id));
    answer_put_member(w, "type", forms[form].type);
    switch (form) {
    case ITEM_MESSAGE:
        answer_put_member(w, "status", str_c(status));
        answer_put_member(w, "role", STR("assistant"));
        put_parts(s, w, "content", form, begun);
        break;
    case ITEM_SUMMARY:
    case ITEM_REASONING: put_reasoning(s, w, form, begun); break;
    case ITEM_CALL:
    case ITEM_CUSTOM: put_call(s, w, form, status); break;
    }
    json_close_object(w);
}

/* --- the response object --- */

static void put_usage(struct json_writer *w, const struct usage *u)
{
    uint64_t input = answer_prompt_tokens(u);
    json_open_object(w);
    answer_put_number(w, "input_tokens", input);
    json_key(w, STR("input_tokens_details"));
    json_open_object(w);
    answer_put_number(w, "cached_tokens", u->cache_read);
    json_close_object(w);
    answer_put_number(w, "output_tokens", u->output);
    json_key(w, STR("output_tokens_details"));
    json_open_object(w);
    answer_put_number(w, "reasoning_tokens", u->thinking);
    json_close_object(w);
    answer_put_number(w, "total_tokens", input + u->output);
    json_close_object(w);
}

static void put_raw_or(struct json_writer *w, const char *key, struct str raw, struct str other)
{
    json_key(w, str_c(key));
    json_put_raw(w, raw.n > 0 ? raw : other);
}

/* What the object repeats of the request; what was not said has OpenAI's defaults. */
static void put_request(struct json_writer *w, const struct openai_asked *asked)
{
    put_raw_or(w, "instructions", asked->instructions, STR("null"));
    put_raw_or(w, "max_output_tokens", asked->max_output_tokens, STR("null"));
    answer_put_null(w, "max_tool_calls");
    json_key(w, STR("parallel_tool_calls"));
    json_put_bool(w, asked->parallel);
    answer_put_null(w, "previous_response_id");
    put_raw_or(w, "reasoning", asked->reasoning, STR("{\"effort\":null,\"summary\":null}"));
    answer_put_member(w, "service_tier", STR("default"));
    json_key(w, STR("store"));
    json_put_bool(w, false);
    put_raw_or(w, "temperature", asked->temperature, STR("1"));
    put_raw_or(w, "text", asked->text, STR("{\"format\":{\"type\":\"text\"}}"));
    put_raw_or(w, "tool_choice", asked->tool_choice, STR("\"auto\""));
    put_raw_or(w, "tools", asked->tools, STR("[]"));
    answer_put_number(w, "top_logprobs", 0);
    put_raw_or(w, "top_p", asked->top_p, STR("1"));
    answer_put_member(w, "truncation", STR("disabled"));
    answer_put_null(w, "user");
    put_raw_or(w, "metadata", asked->metadata, STR("{}"));
}

static void put_failure(struct json_writer *w, const struct fault *fault)
{
    json_key(w, STR("error"));
    if (!fault) {
        json_put_null(w);
        return;
    }
    struct str code = answer_error_code(fault);
    json_open_object(w);
    answer_put_member(w, "code", code.n > 0 ? code : STR("server_error"));
    answer_put_error_message(w, fault);
    json_close_object(w);
}

static const char *incomplete_reason(enum stop_reason reason)
{
    switch (reason) {
    case STOP_MAX_TOKENS:
    case STOP_CONTEXT: return "max_output_tokens";
    case STOP_REFUSAL: return "content_filter";
    case STOP_NONE:
    case STOP_END_TURN:
    case STOP_SEQUENCE:
    case STOP_TOOL_USE:
    case STOP_PAUSE: break;
    }
    return NULL;
}

/* e: START, STOP or FAULT. */
static void put_response(struct openai_responses_sink *s, struct json_writer *w, const char *status,
                         const struct chat_event *e)
{
    const struct openai_answer *a = s->answer;
    const char *why = e->kind == EVENT_STOP ? incomplete_reason(e->stop) : NULL;
    json_open_object(w);
    answer_put_member(w, "id", a->id);
    answer_put_member(w, "object", STR("response"));
    answer_put_number(w, "created_at", a->created);
    answer_put_member(w, "status", str_c(status));
    json_key(w, STR("background"));
    json_put_bool(w, false);
    put_failure(w, e->kind == EVENT_FAULT ? e->fault : NULL);
    json_key(w, STR("incomplete_details"));
    if (why) {
        json_open_object(w);
        answer_put_member(w, "reason", str_c(why));
        json_close_object(w);
    } else {
        json_put_null(w);
    }
    answer_put_member(w, "model", a->model);
    json_key(w, STR("output"));
    json_open_array(w);
    if (s->output.len > 0) {
        json_put_raw(w, buf_str(&s->output));
    }
    json_close_array(w);
    put_request(w, a->asked);
    json_key(w, STR("usage"));
    if (e->kind == EVENT_STOP) {
        put_usage(w, e->usage);
    } else {
        json_put_null(w);
    }
    json_close_object(w);
}

/* --- events --- */

/* "response." name ending: both the event's name and its type. */
static void open_event(struct openai_responses_sink *s, struct json_writer *w, struct str name,
                       struct str ending)
{
    struct buf *out = s->out;
    buf_add(out, STR("event: response."));
    buf_add(out, name);
    buf_add(out, ending);
    buf_add(out, STR("\ndata: "));
    json_writer_init(w, out);
    json_open_object(w);
    json_key(w, STR("type"));
    json_open_str(w);
    json_str_add(w, STR("response."));
    json_str_add(w, name);
    json_str_add(w, ending);
    json_close_str(w);
    answer_put_number(w, "sequence_number", s->sequence++);
}

static void close_event(struct openai_responses_sink *s, struct json_writer *w)
{
    json_close_object(w);
    sse_write_close(s->out);
}

static void send_response(struct openai_responses_sink *s, struct str name, const char *status,
                          const struct chat_event *e)
{
    struct json_writer w;
    open_event(s, &w, name, STR(""));
    json_key(&w, STR("response"));
    put_response(s, &w, status, e);
    close_event(s, &w);
}

static void send_item(struct openai_responses_sink *s, struct str ending, const char *status)
{
    struct json_writer w;
    open_event(s, &w, STR("output_item"), ending);
    answer_put_number(&w, "output_index", s->items - 1);
    json_key(&w, STR("item"));
    put_item(s, &w, status);
    close_event(s, &w);
}

/* Where in the answer the open item, and its part, stand. */
static void put_place(struct openai_responses_sink *s, struct json_writer *w,
                      const struct form *form)
{
    answer_put_member(w, "item_id", id_str(&s->item_id));
    answer_put_number(w, "output_index", s->items - 1);
    if (form->part.n > 0) {
        json_key(w, form->part_index);
        json_put_u64(w, 0);
    }
}

static void send_part(struct openai_responses_sink *s, struct str ending)
{
    enum item_form form = item_form(s);
    struct json_writer w;
    if (forms[form].part.n == 0 || s->kind == BLOCK_REDACTED) {
        return;
    }
    open_event(s, &w, forms[form].part_event, ending);
    put_place(s, &w, &forms[form]);
    json_key(&w, STR("part"));
    put_part(&w, form, buf_str(&s->current));
    close_event(s, &w);
}

static void send_text(struct openai_responses_sink *s, struct str ending, const char *key,
                      struct text text)
{
    const struct form *form = &forms[item_form(s)];
    struct json_writer w;
    open_event(s, &w, form->text_event, ending);
    put_place(s, &w, form);
    if (s->kind == BLOCK_TOOL_USE && str_eq(ending, STR(".done"))) {
        struct str name = buf_str(&s->call);
        struct str id;
        (void)str_cut(&name, '\n', &id);
        json_key(&w, STR("name"));
        json_put_clean_text(&w, name);
    }
    json_key(&w, str_c(key));
    if (text.lone) {
        json_put_text(&w, text.raw);
    } else {
        json_put_clean_text(&w, text.raw);
    }
    if (s->kind == BLOCK_TEXT) {
        json_key(&w, STR("logprobs"));
        json_put_raw(&w, STR("[]"));
    }
    close_event(s, &w);
}

static void begin_stream(struct openai_responses_sink *s, const struct chat_event *e)
{
    s->begun = true;
    if (s->stream) {
        send_response(s, STR("created"), "in_progress", e);
        send_response(s, STR("in_progress"), "in_progress", e);
    }
}

/* --- one block --- */

static bool has_item(const struct openai_responses_sink *s, const struct chat_event *e)
{
    switch (e->block) {
    case BLOCK_TEXT:
    case BLOCK_THINKING: return true;
    case BLOCK_TOOL_USE: return str_eq(e->tool_type, STR("tool_use"));
    case BLOCK_REDACTED: return s->answer->asked->encrypted_reasoning;
    case BLOCK_TOOL_RESULT:
    case BLOCK_TOOL_REFERENCE:
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
    case BLOCK_SEARCH_RESULT:
    case BLOCK_OPAQUE: break;
    }
    return false;
}

static void open_block(struct openai_responses_sink *s, const struct chat_event *e)
{
    s->hidden = !has_item(s, e);
    if (s->hidden) {
        return;
    }
    s->kind = e->block;
    s->alias = NULL;
    s->items++;
    buf_reset(&s->current);
    buf_reset(&s->call);
    buf_reset(&s->proof);
    if (e->block == BLOCK_TOOL_USE) {
        s->alias = answer_find_alias(s->answer->asked, e->tool_name);
        json_escape(&s->call, e->tool_id);
        buf_add_char(&s->call, '\n');
        json_escape(&s->call, s->alias ? s->alias->client : e->tool_name);
    }
    if (e->block == BLOCK_REDACTED) {
        buf_add(&s->proof, STR(RESPONSES_REDACTED));
        answer_add_text(&s->proof, e->text);
    }
    id_make(&s->item_id, forms[item_form(s)].id_prefix, s->answer->random);
    if (s->stream) {
        send_item(s, STR(".added"), "in_progress");
        send_part(s, STR(".added"));
    }
}

static void add_delta(struct openai_responses_sink *s, const struct chat_event *e)
{
    if (s->hidden || e->raw.n > 0) {
        return;
    }
    answer_add_text(&s->current, e->text);
    if (s->stream && item_form(s) != ITEM_CUSTOM) {
        send_text(s, STR(".delta"), "delta", e->text);
    }
}

static void add_proof(struct openai_responses_sink *s, struct text signature)
{
    if (!s->hidden && signature.raw.n > 0) {
        buf_add(&s->proof, seal_is_ours(signature.raw) ? STR("") : STR(RESPONSES_SIGNATURE));
        answer_add_text(&s->proof, signature);
    }
}

/* `current` is the arguments of the function that stands for the tool: it becomes the tool's
 * input. */
static void unwrap_custom(struct openai_responses_sink *s)
{
    struct buf input;
    buf_init(&input, s->current.max);
    answer_custom_input(&input, buf_str(&s->current));
    buf_reset(&s->current);
    buf_add(&s->current, buf_str(&input));
    s->current.failed = s->current.failed || input.failed;
    buf_fini(&input);
    if (s->stream && s->current.len > 0) {
        send_text(s, STR(".delta"), "delta", (struct text){buf_str(&s->current), false});
    }
}

static void finish_text(struct openai_responses_sink *s, bool whole)
{
    enum item_form form = item_form(s);
    if (form == ITEM_CUSTOM) {
        unwrap_custom(s);
    } else if (form == ITEM_CALL && s->current.len == 0 && whole) {
        buf_add(&s->current, STR("{}"));
        if (s->stream) {
            send_text(s, STR(".delta"), "delta", (struct text){buf_str(&s->current), false});
        }
    }
    if (s->stream && s->kind != BLOCK_REDACTED) {
        send_text(s, STR(".done"), forms[form].text, (struct text){buf_str(&s->current), false});
    }
}

static void close_block(struct openai_responses_sink *s, const struct chat_event *e)
{
    bool whole = e->block != BLOCK_TOOL_USE || e->tool_whole;
    const char *status = whole ? "completed" : "incomplete";
    struct json_writer w;
    if (s->hidden || (!s->stream && !whole)) {
        return;
    }
    finish_text(s, whole);
    if (s->stream) {
        send_part(s, STR(".done"));
        send_item(s, STR(".done"), status);
    }
    if (s->output.len > 0) {
        buf_add_char(&s->output, ',');
    }
    json_writer_init(&w, &s->output);
    put_item(s, &w, status);
}

/* --- the end --- */

static void stop(struct openai_responses_sink *s, const struct chat_event *e)
{
    bool incomplete = incomplete_reason(e->stop) != NULL;
    const char *status = incomplete ? "incomplete" : "completed";
    if (s->stream) {
        send_response(s, str_c(status), status, e);
    } else {
        struct json_writer w;
        json_writer_init(&w, s->out);
        put_response(s, &w, status, e);
    }
    s->done = true;
}

static void fail(struct openai_responses_sink *s, const struct chat_event *e)
{
    struct json_writer w;
    s->failed = true;
    if (!s->stream) {
        return;
    }
    if (s->begun) {
        send_response(s, STR("failed"), "failed", e);
        return;
    }
    struct str code = answer_error_code(e->fault);
    sse_write_open(s->out, STR("error"));
    json_writer_init(&w, s->out);
    json_open_object(&w);
    answer_put_member(&w, "type", STR("error"));
    answer_put_number(&w, "sequence_number", s->sequence++);
    answer_put_member(&w, "code", code.n > 0 ? code : STR("server_error"));
    answer_put_error_message(&w, e->fault);
    answer_put_null(&w, "param");
    close_event(s, &w);
}

static void take_one(struct openai_responses_sink *s, const struct chat_event *e)
{
    switch (e->kind) {
    case EVENT_START: begin_stream(s, e); break;
    case EVENT_OPEN: open_block(s, e); break;
    case EVENT_DELTA: add_delta(s, e); break;
    case EVENT_SIGN: add_proof(s, e->text); break;
    case EVENT_CLOSE: close_block(s, e); break;
    case EVENT_STOP: stop(s, e); break;
    case EVENT_FAULT: fail(s, e); break;
    }
}

/* What was gathered has a hole: a stream ends here, and says so without its items. */
static void overrun(struct openai_responses_sink *s)
{
    struct fault fault =
        fault_make(FAULT_INTERNAL, STR("The answer is too large for a response object"));
    struct chat_event e = {.kind = EVENT_FAULT, .fault = &fault};
    buf_reset(&s->output);
    fail(s, &e);
}

static void take_event(struct event_sink *sink, const struct chat_event *e)
{
    struct openai_responses_sink *s = CONTAINER_OF(sink, struct openai_responses_sink, sink);
    if (s->failed) {
        return;
    }
    take_one(s, e);
    if (s->output.failed || s->current.failed || s->call.failed || s->proof.failed) {
        overrun(s);
    }
    s->failed = s->failed || s->out->failed;
}

void openai_responses_init(struct openai_responses_sink *s, const struct openai_answer *answer,
                           struct buf *out, bool stream, size_t max)
{
    *s = (struct openai_responses_sink){
        .sink = {take_event}, .answer = answer, .out = out, .stream = stream};
    buf_init(&s->output, max);
    buf_init(&s->current, max);
    buf_init(&s->call, max);
    buf_init(&s->proof, max);
}

void openai_responses_fini(struct openai_responses_sink *s)
{
    buf_fini(&s->output);
    buf_fini(&s->current);
    buf_fini(&s->call);
    buf_fini(&s->proof);
}

/* SPDX-License-Identifier: MIT */
/* door_error.c - a fault in OpenAI's envelope: {"error":{"message","type","param","code"}}.
 *
 * The kind decides type and code by one table. Two codes come from the message, because a fault
 * carries no more: an overflow, whose wording is fixed (dialect/openai/errors.c), is
 * context_length_exceeded, which codex and others act upon; an unknown model is model_not_found,
 * and is told in OpenAI's words. `param` is the path with which a message of the decoders begins
 * ("tools[2]: ..."). */
#include "dialect/openai/answer_int.h"

struct error_row {
    struct str type;
    struct str code; /* empty: null */
};

#define ROW(type, code)                                                                            \
    {                                                                                              \
        {type, sizeof(type) - 1},                                                                  \
        {                                                                                          \
            code, sizeof(code) - 1                                                                 \
        }                                                                                          \
    }

static const struct error_row rows[FAULT_COUNT] = {
    [FAULT_NONE] = ROW("server_error", ""),
    [FAULT_INVALID] = ROW("invalid_request_error", ""),
    [FAULT_AUTHENTICATION] = ROW("authentication_error", "invalid_api_key"),
    [FAULT_BILLING] = ROW("insufficient_quota", "insufficient_quota"),
    [FAULT_PERMISSION] = ROW("permission_error", ""),
    [FAULT_NOT_FOUND] = ROW("invalid_request_error", ""),
    [FAULT_METHOD] = ROW("invalid_request_error", ""),
    [FAULT_REQUEST_TIMEOUT] = ROW("invalid_request_error", ""),
    [FAULT_TOO_LARGE] = ROW("invalid_request_error", "request_too_large"),
    [FAULT_MEDIA_TYPE] = ROW("invalid_request_error", ""),
    [FAULT_RATE_LIMIT] = ROW("rate_limit_error", "rate_limit_exceeded"),
    [FAULT_INTERNAL] = ROW("server_error", "server_error"),
    [FAULT_OVERLOADED] = ROW("server_error", "overloaded"),
    [FAULT_TIMEOUT] = ROW("server_error", "timeout"),
};

static bool is_unknown_model(const struct fault *f)
{
    return f->kind == FAULT_NOT_FOUND && str_starts(f->message, STR("model: "));
}

struct str answer_error_code(const struct fault *fault)
{
    if (fault->error_code.n > 0) {
        return fault->error_code;
    }
    if (is_unknown_model(fault)) {
        return STR("model_not_found");
    }
    if (str_istarts(fault->message, STR("prompt is too long"))) {
        return STR("context_length_exceeded");
    }
    return rows[fault->kind].code;
}

/* The leading path, if the message begins with one. */
static struct str find_param(const struct fault *f)
{
    size_t n = str_find(f->message, STR(": "));
    bool path = f->side == FAULT_OF_CLIENT && n > 0 && n < f->message.n && n <= 100;
    for (size_t i = 0; path && i < n; i++) {
        char c = f->message.p[i];
        path = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '[' || c == ']';
    }
    return path ? str_take(f->message, n) : STR_NONE;
}

static void put_or_null(struct json_writer *w, const char *key, struct str plain)
{
    if (plain.n > 0) {
        answer_put_member(w, key, plain);
    } else {
        answer_put_null(w, key);
    }
}

void answer_put_error_message(struct json_writer *w, const struct fault *fault)
{
    json_key(w, STR("message"));
    if (!is_unknown_model(fault)) {
        json_put_str(w, fault->message);
        return;
    }
    json_open_str(w);
    json_str_add(w, STR("The model `"));
    json_str_add(w, str_skip(fault->message, 7));
    json_str_add(w, STR("` does not exist or you do not have access to it."));
    json_close_str(w);
}

void openai_door_error(struct buf *out, const struct fault *fault)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_open_object(&w);
    json_key(&w, STR("error"));
    json_open_object(&w);
    answer_put_error_message(&w, fault);
    answer_put_member(&w, "type", rows[fault->kind].type);
    put_or_null(&w, "param", find_param(fault));
    put_or_null(&w, "code", answer_error_code(fault));
    json_close_object(&w);
    json_close_object(&w);
}

void openai_door_ping(struct buf *out)
{
    buf_add(out, STR(": ping\n\n"));
}

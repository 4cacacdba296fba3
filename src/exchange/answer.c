/* SPDX-License-Identifier: MIT */
/* answer.c - response heads and error bodies: one place that knows which fields every answer carries.
 *
 * request-id (and x-request-id for OpenAI's SDKs, ruling 56) stand on every answer. Values that come from outside pass
 * through h1_write_field, which refuses controls. */
#include "base/must.h"
#include "exchange/exchange_int.h"

#define FIELD_TEXT_MAX ((size_t)4096)

void answer_fields_add(struct answer_fields *f, struct str name, struct str value)
{
    must(f->count < ANSWER_FIELDS_MAX);
    f->fields[f->count++] = (struct h1_field){name, value};
}

void answer_fields_init(struct answer_fields *f, struct str request_id, struct str content_type,
                        const struct h1_field *cors, unsigned cors_count)
{
    f->count = 0;
    buf_init(&f->text, FIELD_TEXT_MAX);
    if (content_type.n > 0) {
        answer_fields_add(f, STR("content-type"), content_type);
    }
    answer_fields_add(f, STR("request-id"), request_id);
    answer_fields_add(f, STR("x-request-id"), request_id);
    for (unsigned i = 0; i < cors_count; i++) {
        answer_fields_add(f, cors[i].name, cors[i].value);
    }
}

void answer_fields_fini(struct answer_fields *f)
{
    buf_fini(&f->text);
}

void answer_fault(struct worker *w, struct server_req *req, const struct fault *fault,
                  struct str request_id, enum envelope envelope, const struct h1_field *cors,
                  unsigned cors_count)
{
    struct answer_fields f;
    answer_fields_init(&f, request_id, STR("application/json"), cors, cors_count);
    if (fault->retry_after > 0) {
        buf_add_u64(&f.text, fault->retry_after);
        answer_fields_add(&f, STR("retry-after"), buf_str(&f.text));
    }
    if (fault_is_final(fault)) {
        answer_fields_add(&f, STR("x-should-retry"), STR("false"));
    }
    buf_reset(&w->scratch);
    if (envelope == ENVELOPE_OPENAI) {
        openai_door_error(&w->scratch, fault);
    } else {
        anthropic_error(&w->scratch, fault, request_id, envelope == ENVELOPE_MOUNT);
    }
    server_answer(req, fault->status, f.fields, f.count, buf_str(&w->scratch));
    answer_fields_fini(&f);
}

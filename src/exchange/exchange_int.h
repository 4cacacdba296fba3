/* SPDX-License-Identifier: MIT */
/* exchange_int.h - the per-request machine as its own files see it. No other room includes this. */
#pragma once
#include "base/id.h"
#include "chat/event.h"
#include "chat/grammar.h"
#include "chat/lossy.h"
#include "chat/profile.h"
#include "dialect/anthropic/decode.h"
#include "dialect/anthropic/encode.h"
#include "dialect/anthropic/upstream.h"
#include "dialect/openai/door.h"
#include "dialect/openai/encode.h"
#include "dialect/openai/stream.h"
#include "door/door.h"
#include "exchange/media.h"
#include "exchange/recall.h"
#include "exchange/worker.h"
#include "http/client.h"
#include "route/pick.h"

#define WITHOUT_MAX 8

/* What this worker learned of one model: how many bytes of a translated prompt make one token, and what it does not know. */
struct calibration {
    double bytes_per_token; /* 0: nothing seen yet */
    struct str
        without[WITHOUT_MAX]; /* fields of ours that it refused as unknown; in upstream.learned */
    unsigned without_count;
};

/* A configuration with what this worker keeps for it: one pool and one profile per provider. Counted by the worker and
 * by every exchange that began under it; the last holder closes the pools. */
struct upstream {
    struct client_pool pool;
    struct buf
        head; /* request head up to and without the length: the same for every call; holds the key */
    const struct profile *profile;
    const struct wire_ops *wire;
    struct calibration *models; /* by position in the provider's list */
    struct arena learned;
};

struct snapshot {
    unsigned refs;
    struct config *config;
    struct upstream *upstreams; /* by config_provider.index */
};

struct snapshot *snapshot_new(struct worker *w, struct config *config);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s);
/* Everything of a call's head that does not change from call to call, up to and without the length. `head` is initialised
 * here; it holds the key. */
void snapshot_head(struct buf *head, const struct config_provider *p, const struct upstream *u,
                   struct str path);

/* One sentence per state; the legal next states are in exchange.c. */
enum exchange_state {
    EXCHANGE_READ,  /* the request body is arriving */
    EXCHANGE_TRY,   /* an attempt runs, nothing useful has come back */
    EXCHANGE_RELAY, /* useful chunks flow; failover until the first block opens */
    EXCHANGE_TAIL,  /* the answer is complete; it or the upstream's end is still under way */
    EXCHANGE_DONE,  /* over; freed at the end of the turn */
};

struct exchange;

/* Whoever answers a request later than at once; req->user points at one. on_bad: the request broke, forget it (the front
 * answers). on_done: the client's side is over, whatever happened. */
struct answerer;

struct answerer_ops {
    void (*on_body)(struct answerer *a, struct str bytes);
    void (*on_request_end)(struct answerer *a);
    void (*on_drained)(struct answerer *a);
    void (*on_bad)(struct answerer *a);
    void (*on_done)(struct answerer *a, enum server_outcome outcome);
};

struct answerer {
    const struct answerer_ops *ops;
    struct id request_id;
};

/* A backend takes the encoded candidate and yields events into e->message through exchange_progress. */
struct backend_ops {
    void (*start)(struct exchange *e);
    void (*cancel)(struct exchange *e); /* harmless when nothing runs */
    void (*pause)(struct exchange *e, bool paused);
};

extern const struct backend_ops backend_http;
extern const struct backend_ops backend_offline;

/* The wire that an upstream speaks: how a candidate is encoded and how its answer is read. */
struct wire_ops {
    struct str path; /* behind base_url */
    struct str count_path;
    bool (*encode)(struct exchange *e, struct fault *fault);
    void (*open)(struct exchange *e); /* a reader for one attempt */
    void (*close)(struct exchange *e);
    void (*type)(struct exchange *e, struct str content_type);
    enum upstream_progress (*feed)(struct exchange *e, struct str bytes);
    enum upstream_progress (*eof)(struct exchange *e);
    const struct fault *(*fault)(const struct exchange *e); /* behind UPSTREAM_FAILED */
    uint64_t (*events)(const struct exchange *e);           /* read so far */
    struct fault (*refusal)(struct exchange *e); /* of upstream_status and upstream_error */
};

extern const struct wire_ops wire_openai;
extern const struct wire_ops wire_anthropic;

/* The door through which a client came: how it is read and how it is answered. */
struct door_ops {
    bool (*decode)(struct exchange *e, struct json body, struct fault *fault);
    struct event_sink *(*open)(struct exchange *e); /* by e->chat.stream */
    void (*close)(struct exchange *e);
    void (*ping)(struct exchange *e, struct buf *out);
    bool (*gathered)(struct exchange *e, struct fault *fault); /* e->gathered is a whole body */
    /* Clients of this door understand this fault only inside a stream, with status 200. Null: none is like that. */
    bool (*wants_streamed)(const struct fault *fault);
};

const struct door_ops *door_ops_for(enum route_id route);

/* How an error is said on a route, also before there is an exchange. */
enum envelope { ENVELOPE_ANTHROPIC, ENVELOPE_MOUNT, ENVELOPE_OPENAI };
enum envelope envelope_of(const struct route *route); /* null: the usual one */

struct exchange {
    struct answerer answerer;
    struct list link; /* worker.exchanges */
    struct worker *worker;
    struct server_req *req; /* null once the client's side is over */
    struct snapshot *snapshot;
    enum exchange_state state;
    uint64_t state_ns; /* when the state was entered */
    struct arena arena;
    struct id message_id;
    const struct route *route;
    const struct door_ops *client;
    struct anthropic_rules rules; /* version and betas of the head, for the Anthropic door */
    bool strange_version;         /* an anthropic-version that nobody knows */
    bool data_only;               /* x-postern-stream-style: data */
    struct str key_name;
    struct str user_key; /* what the ids of end users are hashed with */
    struct str
        cache_salt; /* keeps the prefix caches of keys apart; empty: there is one key, or none (ruling 54) */
    struct h1_field cors[DOOR_CORS_MAX];
    unsigned cors_count;

    struct buf body;                   /* the request's; given back when the first block opens */
    struct chat_request chat;          /* system and messages are spans of body and go with it */
    const struct chat_request *prompt; /* chat, or for this candidate a copy with its edits done */
    struct str edits_said;             /* what they cleared, raw JSON; empty: nobody asked */
    struct lossy lossy;

    struct media media; /* sources by URL that are being fetched */
    struct candidates candidates;
    unsigned attempt; /* index of the running candidate */
    const struct config_model *model;
    struct upstream *upstream;
    const struct backend_ops *backend;
    bool attempt_runs;        /* the backend may still call us */
    uint64_t attempt_ns;      /* when it began */
    struct buf upstream_head; /* holds the key: wiped */
    struct buf upstream_body;
    struct client_call call;
    unsigned upstream_status; /* of a refusal whose body is being gathered; 0 otherwise */
    struct buf upstream_error;
    struct str upstream_retry_after;
    struct timer backend_timer; /* the offline backend's own pace */
    unsigned offline_step;
    struct str offline_quote;

    struct str
        without[WITHOUT_MAX]; /* fields that this attempt leaves out: the upstream refused them */
    unsigned without_count;
    uint64_t room; /* for the answer, as the upstream counted it; 0: not told */

    bool message_ready; /* message, reader and encoder are initialised */
    struct message message;
    union {
        struct openai_stream openai;
        struct anthropic_source anthropic;
    } reader;
    struct anthropic_answer answer;
    struct openai_asked asked;
    struct openai_answer openai_answer;
    struct id openai_id;
    struct event_sink tap; /* hears the tool ids on their way to the client, for recall */
    struct event_sink *tapped;
    struct grammar grammar; /* debug builds check every stream */
    struct str hidden_for;  /* the first of them */
    const struct wire_ops *wire;
    union {
        struct anthropic_stream stream;
        struct anthropic_gather gather;
        struct openai_chat_stream chat_stream;
        struct openai_chat_gather chat_gather;
        struct openai_responses_sink responses;
    } writer;
    struct buf gathered;

    bool committed;    /* the client has a status */
    bool content_sent; /* a block was opened: no failover any more */
    bool ended;        /* the answer is complete as far as the client is concerned */
    bool paused;
    struct fault fault;          /* of the last failure; kind FAULT_NONE when none */
    struct timer client_timer;   /* ping, early commit, answer time */
    struct timer upstream_timer; /* first token, idle, usage grace */
    uint64_t last_out_ns;        /* last bytes towards the client */
    uint64_t last_in_ns;         /* last bytes from the upstream */
    uint64_t first_event_ns;     /* 0: none yet */
    uint64_t events_seen;        /* of the reader, when the upstream deadline was last set */
    bool grace_runs;             /* upstream_timer waits for the usage */
    uint64_t prompt_bytes;       /* of the translated request that is being answered */
    uint64_t bytes_in;
    uint64_t bytes_out;
    unsigned status; /* sent to the client */
    enum server_outcome outcome;
    struct task freeing;
};

/* --- exchange.c: the machine --- */
struct exchange *exchange_new(struct worker *w, struct server_req *req,
                              const struct verdict *verdict, const struct h1_head *head,
                              const struct id *request_id);
void exchange_cut(struct exchange *e); /* shutdown */

/* The next candidate, or the same again. */
void exchange_attempt(struct exchange *e); /* attempt.c */
void exchange_fail(struct exchange *e, const struct fault *fault);
void exchange_set_state(struct exchange *e, enum exchange_state next);
void exchange_drop_message(struct exchange *e);
const struct limits *exchange_limits(const struct exchange *e);

/* --- attempt.c --- */
const struct backend_ops *exchange_backend(const struct config_provider *p);
struct calibration *exchange_calibration(const struct exchange *e);
/* The upstream named a field that it does not know: this candidate may be asked again without it. */
bool exchange_may_repeat(struct exchange *e, const struct fault *fault);
bool exchange_sees(const struct config_model *m); /* images are not wasted on it */
/* What the upstream wants to be told of the model; shared with count_tokens. */
struct openai_target exchange_openai_target(const struct snapshot *s, const struct config_model *m);
struct anthropic_target exchange_anthropic_target(const struct snapshot *s,
                                                  const struct config_model *m);

/* Edits of the context are this gateway's to do: they were asked for, and the upstream does not know them. */
bool exchange_edits(const struct chat_request *request, const struct profile *profile);

/* --- intake.c: from the last byte of the body to the first attempt --- */
void exchange_intake(struct exchange *e);
/* The head's part of the decoder's rules. */
/* A version that is neither of the two (ruling 37). */
bool intake_version_is_strange(const struct h1_head *head);
struct anthropic_rules intake_rules(const struct worker *w, const struct route *route,
                                    const struct h1_head *head, struct arena *a);

/* --- count.c --- */
struct answerer *count_begin(struct worker *w, struct server_req *req,
                             const struct verdict *verdict, const struct h1_head *head,
                             const struct id *request_id);

/* Backends report here. */
void exchange_progress(struct exchange *e,
                       enum upstream_progress progress); /* events were pushed into e->message */
/* Before anybody else writes into worker->events: nothing more comes in this turn. */
void exchange_flush(struct exchange *e);
void exchange_attempt_failed(struct exchange *e, const struct fault *fault);
void exchange_attempt_ended(
    struct exchange *e); /* the backend is finished and holds nothing any more */

/* --- answer.c: heads and errors --- */
#define ANSWER_FIELDS_MAX 16
struct answer_fields {
    struct h1_field fields[ANSWER_FIELDS_MAX];
    unsigned count;
    struct buf text; /* backing for values made here */
};
void answer_fields_init(struct answer_fields *f, struct str request_id, struct str content_type,
                        const struct h1_field *cors, unsigned cors_count);
void answer_fields_fini(struct answer_fields *f);
void answer_fields_add(struct answer_fields *f, struct str name, struct str value);
/* A fault as a whole answer on a request that has no answer yet. */
void answer_fault(struct worker *w, struct server_req *req, const struct fault *fault,
                  struct str request_id, enum envelope envelope, const struct h1_field *cors,
                  unsigned cors_count);

/* --- access.c: the line and the counters --- */
void access_exchange(const struct exchange *e);
void access_simple(struct worker *w, const struct server_req *req, struct str request_id,
                   struct str method, struct str path, struct str key, const struct fault *fault);

/* --- ready.c --- */
/* Answers /ready at once when it is known whether a model can be answered, else asks the upstreams. Null: it has
 * answered. */
struct answerer *ready_begin(struct worker *w, struct server_req *req, const struct id *request_id);

/* --- front.c: the server's handler --- */
extern const struct server_ops front_ops;

/* SPDX-License-Identifier: MIT */
/* exchange_int.h - the per-request machine as its own files see it. No other room includes this. */
#pragma once
#include "base/id.h"
#include "chat/event.h"
#include "chat/lossy.h"
#include "dialect/anthropic/decode.h"
#include "dialect/anthropic/encode.h"
#include "dialect/openai/profiles.h"
#include "dialect/openai/stream.h"
#include "door/door.h"
#include "exchange/worker.h"
#include "http/client.h"
#include "route/pick.h"

/* A configuration with what this worker keeps for it: one pool and one profile per provider. Counted by the worker and
 * by every exchange that began under it; the last holder closes the pools. */
struct upstream {
    struct client_pool pool;
    struct buf
        head; /* request head up to and without the length: the same for every call; holds the key */
    const struct profile *profile;
};

struct snapshot {
    unsigned refs;
    struct config *config;
    struct upstream *upstreams; /* by config_provider.index */
};

struct snapshot *snapshot_new(struct worker *w, struct config *config);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s);

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

extern const struct backend_ops backend_openai;
extern const struct backend_ops backend_offline;

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
    enum route_mount mount;
    struct str key_name;
    struct h1_field cors[DOOR_CORS_MAX];
    unsigned cors_count;

    struct buf body;          /* the request's; given back when the first block opens */
    struct chat_request chat; /* system and messages are spans of body and go with it */
    struct lossy lossy;

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

    bool message_ready; /* message and stream are initialised */
    struct message message;
    struct openai_stream stream;
    struct anthropic_answer answer;
    struct anthropic_stream encoder;
    struct anthropic_gather gather;
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
    uint64_t events_seen;        /* of stream.events, when the upstream deadline was last set */
    bool grace_runs;             /* upstream_timer waits for the usage */
    uint64_t bytes_in;
    uint64_t bytes_out;
    unsigned status; /* sent to the client */
    enum server_outcome outcome;
    struct task freeing;
};

/* --- exchange.c: the machine --- */
struct exchange *exchange_new(struct worker *w, struct server_req *req,
                              const struct verdict *verdict, const struct id *request_id);
void exchange_cut(struct exchange *e); /* shutdown */

/* Backends report here. */
void exchange_progress(struct exchange *e,
                       enum openai_progress progress); /* events were pushed into e->message */
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
                  struct str request_id, bool base_resp, const struct h1_field *cors,
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

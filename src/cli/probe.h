/* SPDX-License-Identifier: MIT */
/* probe.h - what a model server really does, asked instead of believed.
 *
 * Some twenty small requests, one property each. Every answer becomes a finding: what was asked, what came, and where
 * a profile has a field for it, the field's value. Together they are a profile to paste. Nothing here opens a
 * connection: `ask` does, so tests play any server they like. */
#pragma once
#include "base/buf.h"
#include "chat/profile.h"
#include "json/json.h"

#define PROBE_FINDINGS_MAX 32

/* Posts a body and gathers the whole answer. root: `path` begins at the host, not behind base_url's path. The status,
 * or 0 and a sentence in `why`. */
typedef unsigned probe_ask(void *owner, bool root, struct str path, struct str body,
                           struct buf *answer, struct buf *why);

struct probe_finding {
    const char *what;   /* "parallel calls" */
    struct str value;   /* "yes" */
    struct str key;     /* a field of the profile, or empty ... */
    struct str setting; /* ... and its value */
    struct str note;    /* empty, or why: one line, sanitised */
};

struct probe {
    /* given */
    probe_ask *ask;
    void *owner;
    struct str provider; /* names of the configuration, for what is printed */
    struct str id;
    struct str model; /* as the upstream calls it */
    const struct profile *profile;
    struct str secret; /* never printed */
    struct arena *arena;
    /* found */
    bool answers;   /* the plainest request was answered; without it nothing else is asked */
    struct str why; /* when not */
    unsigned requests;
    struct probe_finding findings[PROBE_FINDINGS_MAX];
    unsigned count;
    struct profile found; /* the given one, with what was found */
    bool tools;           /* for `capabilities` */
    bool thinking;
    bool vision;
    /* private */
    struct json_reader json;
    struct buf request;
    struct buf answer;
    struct buf text;
    struct buf reason;
    unsigned status;
};

void probe_run(struct probe *p);
void probe_fini(struct probe *p);

/* The lines of a provider and of a model in postern.yaml, indented for their places, that differ from what the given
 * profile says. */
void probe_write_yaml(const struct probe *p, struct buf *out);

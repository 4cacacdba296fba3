/* SPDX-License-Identifier: MIT */
/* probe_int.h - what the two lists of questions share. */
#pragma once
#include "cli/probe.h"

/* A member of the request, its value as JSON; lists end with a null key. */
struct probe_member {
    const char *key;
    const char *raw;
};

/* A refusal is an answer; trouble (a rate, a key, a dead line) is none. */
enum probe_outcome { PROBE_TAKEN, PROBE_REFUSED, PROBE_TROUBLE };

/* Asks for at most `tokens` tokens. The answer is in p->answer, and read into p->json when it is JSON. */
enum probe_outcome probe_send(struct probe *p, const char *messages, unsigned tokens,
                              const struct probe_member *members);
/* The same to another endpoint, without model-specific fields but `model`. */
enum probe_outcome probe_send_to(struct probe *p, bool root, const char *path,
                                 const struct probe_member *members);
/* The answer as JSON; absent when it was none. */
struct json probe_root(const struct probe *p);

/* key null: the profile has no field for it. */
void probe_found(struct probe *p, const char *what, const char *value, const char *key,
                 const char *setting);
/* After probe_found: why, from the last refusal or trouble. */
void probe_explain(struct probe *p);
void probe_note(struct probe *p, const char *note);
/* A finding that could not be made: "unknown", and why. */
void probe_unknown(struct probe *p, const char *what);
/* A field that is on or off. */
void probe_flag(struct probe *p, const char *what, const char *key, bool on);

void probe_openai(struct probe *p);
void probe_anthropic(struct probe *p);

/* 64 x 64, plain red. */
#define PROBE_RED_PNG                                                                              \
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAT0lEQVR42u3PQQkAAAgEsItw/dMZxQi+hcEKLNO+Fg"   \
    "EBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQGBywLQTQDx3uY1cQAAAABJRU5E"   \
    "rkJggg=="

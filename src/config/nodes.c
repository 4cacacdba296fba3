/* SPDX-License-Identifier: MIT */
/* nodes.c - YAML text to a tree of texts, lists and mappings, each with its place.
 *
 * libyaml gives events; this turns them into nodes in the arena. Refused here, because a
 * configuration does not need them and each has hurt somebody: anchors and aliases (billion laughs,
 * values far from where they act), tags (types that surprise), directives, several documents, keys
 * that are not plain text, the same key twice. Depth, the number of values and the number of keys
 * in a mapping are bounded, so no later step has to think about hostile sizes.
 *
 * A text stays as it was written; its meaning (numbers, ${VAR}) is decided by the row that reads
 * it. libyaml's own buffers are not wiped: a secret that stands in the file has passed through
 * them, which is one more reason for the warning about literal keys. */
#include "config/config_int.h"

#include <yaml.h>

struct builder {
    yaml_parser_t parser;
    struct str yaml;
    struct arena *arena;
    struct problems *problems;
    size_t nodes;
};

static struct place place_at(yaml_mark_t mark)
{
    return (struct place){.line = (unsigned)mark.line + 1, .column = (unsigned)mark.column + 1};
}

static struct place place_of_offset(struct str text, size_t offset)
{
    struct place at = {.line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < text.n; i++) {
        at.column++;
        if (text.p[i] == '\n') {
            at.line++;
            at.column = 1;
        }
    }
    return at;
}

/* Whether the line is indented with a tab: libyaml's own words for that help nobody. */
static bool line_has_tab_indent(struct str text, size_t line)
{
    struct str rest = text;
    struct str this = STR_NONE;
    for (size_t i = 0; i <= line; i++) {
        str_cut(&rest, '\n', &this);
    }
    for (size_t i = 0; i < this.n && (this.p[i] == ' ' || this.p[i] == '\t'); i++) {
        if (this.p[i] == '\t') {
            return true;
        }
    }
    return false;
}

static void report_parser(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_READER_ERROR) {
        config_problem(b->problems, place_of_offset(b->yaml, p->problem_offset),
                       "not valid UTF-8 text (%s)", p->problem ? p->problem : "unreadable");
        return;
    }
    struct place at = place_at(p->problem_mark);
    if (line_has_tab_indent(b->yaml, p->problem_mark.line)) {
        config_problem(b->problems, at, "a tab cannot indent in YAML; use spaces");
        return;
    }
    config_problem(b->problems, at, "not valid YAML: %s%s%s%s",
                   p->problem ? p->problem : "it cannot be read", p->context ? " (" : "",
                   p->context ? p->context : "", p->context ? ")" : "");
}

/* Null, or why this event has no place in a configuration. */
static const char *find_refusal(const yaml_event_t *e)
{
    static const char anchor[] = "anchors (&name) are not used here; write the value out";
    static const char tag[] = "tags (!name) are not used here; write the plain value";
    if (e->type == YAML_ALIAS_EVENT) {
        return "a value cannot begin with *: YAML aliases are not used here; quote it if it is "
               "text";
    }
    if (e->type == YAML_SCALAR_EVENT) {
        return e->data.scalar.anchor ? anchor : e->data.scalar.tag ? tag : NULL;
    }
    if (e->type == YAML_SEQUENCE_START_EVENT) {
        return e->data.sequence_start.anchor ? anchor : e->data.sequence_start.tag ? tag : NULL;
    }
    if (e->type == YAML_MAPPING_START_EVENT) {
        return e->data.mapping_start.anchor ? anchor : e->data.mapping_start.tag ? tag : NULL;
    }
    if (e->type == YAML_DOCUMENT_START_EVENT) {
        bool directives = e->data.document_start.version_directive ||
                          e->data.document_start.tag_directives.start !=
                              e->data.document_start.tag_directives.end;
        return directives ? "directives (%YAML, %TAG) are not used here" : NULL;
    }
    return NULL;
}

/* The event is the caller's to delete when true. */
static bool next_event(struct builder *b, yaml_event_t *event)
{
    if (!yaml_parser_parse(&b->parser, event)) {
        report_parser(b);
        return false;
    }
    const char *refusal = find_refusal(event);
    if (refusal) {
        config_problem(b->problems, place_at(event->start_mark), "%s", refusal);
        yaml_event_delete(event);
        return false;
    }
    return true;
}

static struct node *new_node(struct builder *b, enum node_kind kind, yaml_mark_t mark)
{
    if (++b->nodes > NODE_COUNT_MAX) {
        config_problem(b->problems, place_at(mark), "more than %d values in one file",
                       NODE_COUNT_MAX);
        return NULL;
    }
    struct node *n = ARENA_NEW(b->arena, struct node);
    n->kind = kind;
    n->at = place_at(mark);
    return n;
}

static void append_child(struct node *parent, struct node *child)
{
    if (parent->last) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->count++;
}

static struct str copy_scalar(struct builder *b, const yaml_event_t *e)
{
    return arena_copy(b->arena, str_of((const char *)e->data.scalar.value, e->data.scalar.length));
}

static bool read_children(struct builder *b, struct node *parent, unsigned depth);

/* Builds the node that `event` begins, and deletes the event. */
static struct node *read_node(struct builder *b, yaml_event_t *event, unsigned depth)
{
    enum node_kind kind = event->type == YAML_SCALAR_EVENT           ? NODE_TEXT
                          : event->type == YAML_SEQUENCE_START_EVENT ? NODE_LIST
                                                                     : NODE_MAP;
    struct node *n = new_node(b, kind, event->start_mark);
    if (n && kind == NODE_TEXT) {
        n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        n->text = copy_scalar(b, event);
    }
    yaml_event_delete(event);
    if (!n || kind == NODE_TEXT) {
        return n;
    }
    if (depth >= NODE_DEPTH_MAX) {
        config_problem(b->problems, n->at, "nested more than %d levels deep", NODE_DEPTH_MAX);
        return NULL;
    }
    return read_children(b, n, depth + 1) ? n : NULL;
}

/* One "key: value" of a mapping whose key event has been read. */
static bool read_pair(struct builder *b, struct node *map, yaml_event_t *event, unsigned depth)
{
    struct place at = place_at(event->start_mark);
    if (event->type != YAML_SCALAR_EVENT) {
        yaml_event_delete(event);
        config_problem(b->problems, at, "a key must be plain text");
        return false;
    }
    struct str key = copy_scalar(b, event);
    yaml_event_delete(event);
    yaml_event_t value;
    if (!next_event(b, &value)) {
        return false;
    }
    struct node *child = read_node(b, &value, depth);
    if (!child) {
        return false;
    }
    child->key = key;
    child->key_at = at;
    const struct node *before = config_node_find(map, key);
    if (before) {
        config_problem(b->problems, at, "%s is here twice; the first is in line %u",
                       config_quote(b->arena, key), before->key_at.line);
        return true;
    }
    if (map->count >= NODE_KEYS_MAX) {
        config_problem(b->problems, at, "more than %d keys in one mapping", NODE_KEYS_MAX);
        return false;
    }
    append_child(map, child);
    return true;
}

static bool read_children(struct builder *b, struct node *parent, unsigned depth)
{
    for (;;) {
        yaml_event_t event;
        if (!next_event(b, &event)) {
            return false;
        }
        if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        if (parent->kind == NODE_MAP) {
            if (!read_pair(b, parent, &event, depth)) {
                return false;
            }
            continue;
        }
        struct node *child = read_node(b, &event, depth);
        if (!child) {
            return false;
        }
        append_child(parent, child);
    }
}

/* Takes one event of a type that the grammar promises. */
static bool skip_event(struct builder *b, yaml_event_type_t *type, struct place *at)
{
    yaml_event_t event;
    if (!next_event(b, &event)) {
        return false;
    }
    *type = event.type;
    *at = place_at(event.start_mark);
    yaml_event_delete(&event);
    return true;
}

static bool is_nothing(const struct node *n)
{
    return n->kind == NODE_TEXT && n->plain && n->text.n == 0;
}

static struct node *read_document(struct builder *b)
{
    yaml_event_type_t type = YAML_NO_EVENT;
    struct place at = {.line = 1, .column = 1};
    bool begun = skip_event(b, &type, &at); /* the stream, then the document */
    if (!begun || !skip_event(b, &type, &at)) {
        return NULL;
    }
    if (type == YAML_STREAM_END_EVENT) {
        return new_node(b, NODE_MAP, (yaml_mark_t){0});
    }
    yaml_event_t event;
    if (!next_event(b, &event)) {
        return NULL;
    }
    struct node *root = read_node(b, &event, 0);
    bool ended = root && skip_event(b, &type, &at);
    if (!ended || !skip_event(b, &type, &at)) {
        return NULL;
    }
    if (type != YAML_STREAM_END_EVENT) {
        config_problem(b->problems, at, "a second document begins here; one file holds one");
        return NULL;
    }
    if (is_nothing(root)) {
        root->kind = NODE_MAP;
    }
    if (root->kind != NODE_MAP) {
        config_problem(b->problems, root->at,
                       "expected keys with values, as in: listen: 127.0.0.1:8080");
        return NULL;
    }
    return root;
}

struct node *config_node_parse(struct str yaml, struct arena *arena, struct problems *problems)
{
    if (yaml.n > CONFIG_FILE_MAX) {
        config_problem(problems, (struct place){0}, "larger than 1 MiB");
        return NULL;
    }
    struct builder b = {.yaml = yaml, .arena = arena, .problems = problems};
    if (!yaml_parser_initialize(&b.parser)) {
        config_problem(problems, (struct place){0}, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(yaml.p ? yaml.p : ""), yaml.n);
    struct node *root = read_document(&b);
    yaml_parser_delete(&b.parser);
    return root;
}

struct node *config_node_find(const struct node *map, struct str key)
{
    for (struct node *n = map->first; n; n = n->next) {
        if (str_eq(n->key, key)) {
            return n;
        }
    }
    return NULL;
}

void config_node_put(struct node *map, struct node *child)
{
    struct node *last = NULL;
    for (struct node *n = map->first; n; last = n, n = n->next) {
        if (!str_eq(n->key, child->key)) {
            continue;
        }
        child->next = n->next;
        if (last) {
            last->next = child;
        } else {
            map->first = child;
        }
        if (map->last == n) {
            map->last = child;
        }
        return;
    }
    append_child(map, child);
}

/* SPDX-License-Identifier: MIT */
/* test_read.c - what is wrong with a file, and the first line that says so.
 *
 * One row per mistake: the file, and the whole first message. A message is part of what the program
 * promises (somebody reads it at three in the morning), so it is compared exactly, place included.
 * Every row also checks that nothing secret came out: the words that stand for passwords and keys
 * in the rows, and the values of the variables. */
#include "config_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#define PROVIDER                                                                                   \
    "providers:\n"                                                                                 \
    "  - name: a\n"                                                                                \
    "    base_url: http://127.0.0.1:1/v1\n"
#define MODELS "    models: [{id: m}]\n"

struct bad {
    const char *name;
    const char *yaml;
    const char *first; /* line of the problems */
};

static const struct bad bad_files[] = {
    {"yaml: unclosed bracket", "listen: [127.0.0.1:1\n",
     "p.yaml:2:1: not valid YAML: did not find expected ',' or ']' (while parsing a flow "
     "sequence)"},
    {"yaml: tab",
     "limits:\n"
     "\tbody_bytes: 1MiB\n",
     "p.yaml:2:1: a tab cannot indent in YAML; use spaces"},
    {"yaml: not UTF-8", "data: \377\376\n",
     "p.yaml:1:7: not valid UTF-8 text (invalid leading UTF-8 octet)"},
    {"yaml: mapping inside a value", "data: a: b\n",
     "p.yaml:1:8: not valid YAML: mapping values are not allowed in this context"},
    {"yaml: anchor", "data: &here x\n",
     "p.yaml:1:7: anchors (&name) are not used here; write the value out"},
    {"yaml: anchor on a list", "cors: &here [a]\n",
     "p.yaml:1:7: anchors (&name) are not used here; write the value out"},
    {"yaml: alias", "data: *here\n",
     "p.yaml:1:7: a value cannot begin with *: YAML aliases are not used here; quote it if it is "
     "text"},
    {"yaml: tag", "workers: !!int 3\n",
     "p.yaml:1:10: tags (!name) are not used here; write the plain value"},
    {"yaml: tag on a mapping", "limits: !x {}\n",
     "p.yaml:1:9: tags (!name) are not used here; write the plain value"},
    {"yaml: directive",
     "%YAML 1.1\n"
     "---\n"
     "data: x\n",
     "p.yaml:1:1: directives (%YAML, %TAG) are not used here"},
    {"yaml: two documents",
     "data: x\n"
     "---\n"
     "data: y\n",
     "p.yaml:2:1: a second document begins here; one file holds one"},
    {"yaml: a list at the top", "- a\n",
     "p.yaml:1:1: expected keys with values, as in: listen: 127.0.0.1:8080"},
    {"yaml: a text at the top", "hello\n",
     "p.yaml:1:1: expected keys with values, as in: listen: 127.0.0.1:8080"},
    {"yaml: key is a list", "[a]: b\n", "p.yaml:1:1: a key must be plain text"},
    {"yaml: key twice",
     "data: x\n"
     "compat: lenient\n"
     "data: y\n",
     "p.yaml:3:1: \"data\" is here twice; the first is in line 1"},
    {"yaml: key twice, deep",
     "providers:\n"
     "  - {name: a, name: b}\n",
     "p.yaml:2:5: providers[]: \"models\" is missing"},
    {"yaml: too deep", "data: [[[[[[[[[[x]]]]]]]]]]\n",
     "p.yaml:1:14: nested more than 8 levels deep"},
    {"unknown key, near", "lisen: 127.0.0.1:8080\n",
     "p.yaml:1:1: unknown key \"lisen\" (did you mean \"listen\"?)"},
    {"unknown key, far", "zzzzzzzzzzz: 1\n",
     "p.yaml:1:1: unknown key \"zzzzzzzzzzz\"; here belong: tls, listen, admin, data, keys, "
     "compat, workers, log_level, hosts, cors, limits, fetch, providers, default_model, aliases, "
     "fallbacks"},
    {"unknown key in a provider, near", PROVIDER "    api-key: x\n" MODELS,
     "p.yaml:4:5: unknown key \"api-key\" (did you mean \"api_key\"?)"},
    {"unknown key in a model, far", PROVIDER "    models: [{id: m, weight: 3}]\n",
     "p.yaml:4:22: unknown key \"weight\"; here belong: id, upstream, display_name, context, "
     "max_output, capabilities, quantization, created, price"},
    {"unknown key in limits, near", "limits: {body_byte: 1MiB}\n",
     "p.yaml:1:10: unknown key \"body_byte\" (did you mean \"body_bytes\"?)"},
    {"unknown key in limits, far", "limits: {qqqqqqqqqqqqqq: 1}\n",
     "p.yaml:1:10: unknown key \"qqqqqqqqqqqqqq\""},
    {"unknown key that looks like a key", PROVIDER "    sk-abcdefgh: x\n" MODELS,
     "p.yaml:4:5: unknown key \"sk-…\"; here belong: name, protocol, base_url, profile, quirks, "
     "api_key, "
     "ca_file, eu_native, zero_data_retention, models"},
    {"unknown key, long", "\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\": 1\n",
     "p.yaml:1:1: unknown key \"kkkkkkkkkkkk…\"; here belong: tls, listen, admin, data, keys, "
     "compat, workers, log_level, hosts, cors, limits, fetch, providers, default_model, aliases, "
     "fallbacks"},
    {"unknown key with a control character", "\"a\\e[31m\": 1\n",
     "p.yaml:1:1: unknown key \"a\\u001b[31m\"; here belong: tls, listen, admin, data, keys, "
     "compat, workers, log_level, hosts, cors, limits, fetch, providers, default_model, aliases, "
     "fallbacks"},
    {"no value", "data:\n", "p.yaml:1:6: data: no value; give one or remove the key"},
    {"null value", "data: null\n", "p.yaml:1:7: data: no value; give one or remove the key"},
    {"empty text", "data: \"\"\n", "p.yaml:1:7: data: must not be empty"},
    {"list for a value", "data: [a]\n", "p.yaml:1:7: data: expected one value, found a list"},
    {"mapping for a value", "data: {a: b}\n",
     "p.yaml:1:7: data: expected one value, found a mapping"},
    {"value for a mapping", "limits: 3\n",
     "p.yaml:1:9: limits: expected a mapping, found one value"},
    {"control character", "data: \"a\\u0007\"\n",
     "p.yaml:1:7: data: \"a\\u0007\" holds a control character"},
    {"choice, near", "compat: lenien\n",
     "p.yaml:1:9: compat: \"lenien\" is not one of lenient, strict (did you mean \"lenient\"?)"},
    {"choice, far", "compat: anthropic\n",
     "p.yaml:1:9: compat: \"anthropic\" is not one of lenient, strict"},
    {"log level", "log_level: warning\n",
     "p.yaml:1:12: log_level: \"warning\" is not one of debug, info, warn, error (did you mean "
     "\"warn\"?)"},
    {"number with a sign", "workers: -1\n", "p.yaml:1:10: workers: \"-1\" is not a whole number"},
    {"number with a fraction", "workers: 1.5\n",
     "p.yaml:1:10: workers: \"1.5\" is not a whole number"},
    {"number, hexadecimal", "workers: 0x10\n",
     "p.yaml:1:10: workers: \"0x10\" is not a whole number"},
    {"number too large", "workers: 257\n",
     "p.yaml:1:10: workers: \"257\" is out of range (0 to 256)"},
    {"number beyond 64 bits", "workers: 99999999999999999999\n",
     "p.yaml:1:10: workers: \"99999999999999999999\" is not a whole number"},
    {"flag, yes", PROVIDER "    eu_native: yes\n" MODELS,
     "p.yaml:4:16: eu_native: \"yes\" is neither true nor false"},
    {"size without unit", "limits: {body_bytes: 33554432}\n",
     "p.yaml:1:22: body_bytes: \"33554432\" is not a size; write a whole number and B, KiB, MiB or "
     "GiB, as in 32MiB"},
    {"size with a decimal unit", "limits: {body_bytes: 32MB}\n",
     "p.yaml:1:22: body_bytes: \"32MB\" is not a size; write a whole number and B, KiB, MiB or "
     "GiB, as in 32MiB"},
    {"size too small", "limits: {body_bytes: 1B}\n",
     "p.yaml:1:22: body_bytes: \"1B\" is out of range (1KiB to 1GiB)"},
    {"size too large", "limits: {body_bytes: 99999999999GiB}\n",
     "p.yaml:1:22: body_bytes: \"99999999999GiB\" is too large"},
    {"size above the bound", "limits: {body_bytes: 2GiB}\n",
     "p.yaml:1:22: body_bytes: \"2GiB\" is out of range (1KiB to 1GiB)"},
    {"time without unit", "limits: {head_time: 10}\n",
     "p.yaml:1:21: head_time: \"10\" is not a time; write a whole number and ms, s, m or h, as in "
     "10s"},
    {"time with a fraction", "limits: {head_time: 1.5s}\n",
     "p.yaml:1:21: head_time: \"1.5s\" is not a time; write a whole number and ms, s, m or h, as "
     "in 10s"},
    {"time too long", "limits: {head_time: 11m}\n",
     "p.yaml:1:21: head_time: \"11m\" is out of range (100ms to 10m)"},
    {"time above 64 bits", "limits: {head_time: 18446744073709551615h}\n",
     "p.yaml:1:21: head_time: \"18446744073709551615h\" is too large"},
    {"count in limits", "limits: {head_fields: 129}\n",
     "p.yaml:1:23: head_fields: \"129\" is out of range (16 to 128)"},
    {"limits: low above high", "limits: {out_low: 64KiB}\n",
     "p.yaml:1:19: out_low must be less than out_high"},
    {"limits: idle above open", "limits: {pool_open: 5}\n",
     "p.yaml:1:21: pool_idle must be at most pool_open"},
    {"limits: body above arena", "limits: {arena_bytes: 16MiB}\n",
     "p.yaml:1:23: body_bytes must be at most arena_bytes"},
    {"listen: no port", "listen: 127.0.0.1\n",
     "p.yaml:1:9: listen: \"127.0.0.1\" has no port; write address:port, as in 127.0.0.1:8080"},
    {"listen: port alone", "listen: 8080\n",
     "p.yaml:1:9: listen: \"8080\" has no port; write address:port, as in 127.0.0.1:8080"},
    {"listen: no address", "listen: \":8080\"\n",
     "p.yaml:1:9: listen: \":8080\" has no address before the port; write 127.0.0.1 (this machine) "
     "or 0.0.0.0 (all)"},
    {"listen: a name", "listen: example.com:8080\n",
     "p.yaml:1:9: listen: \"example.com:8080\" begins with a name; write a numeric address or "
     "localhost"},
    {"listen: port too large", "listen: 127.0.0.1:65536\n",
     "p.yaml:1:9: listen: \"127.0.0.1:65536\" has a port that is not between 0 and 65535"},
    {"listen: port is no number", "listen: 127.0.0.1:http\n",
     "p.yaml:1:9: listen: \"127.0.0.1:http\" has a port that is not between 0 and 65535"},
    {"listen: IPv6 without brackets", "listen: \"::1:8080\"\n",
     "p.yaml:1:9: listen: \"::1:8080\" is an IPv6 address without brackets; write "
     "\"[address]:port\""},
    {"listen: bad IPv6", "listen: \"[::g]:8080\"\n",
     "p.yaml:1:9: listen: \"[::g]:8080\" has no valid IPv6 address between [ and ]"},
    {"listen: open bracket", "listen: \"[::1:8080\"\n",
     "p.yaml:1:9: listen: \"[::1:8080\" has a [ without its ]"},
    {"listen: empty list", "listen: []\n", "p.yaml:1:9: listen: the list is empty"},
    {"listen: mapping without address",
     "listen:\n"
     "  - {tls: {cert: a, key: b}}\n",
     "p.yaml:2:5: listen[]: \"address\" is missing"},
    {"listen: twice", "listen: [127.0.0.1:1, 127.0.0.1:1]\n",
     "p.yaml:1:23: listen: this address is here twice"},
    {"listen: open to others", "listen: 0.0.0.0:8080\n",
     "p.yaml:1:9: listen: other machines reach 0.0.0.0, and keys: open lets everybody in; list "
     "keys (\"postern key new\" makes one) or listen on 127.0.0.1"},
    {"listen: open to others, IPv6",
     "listen:\n"
     "  - 127.0.0.1:1\n"
     "  - \"[::]:8080\"\n",
     "p.yaml:3:5: listen: other machines reach ::, and keys: open lets everybody in; list keys "
     "(\"postern key new\" makes one) or listen on 127.0.0.1"},
    {"admin: open to others", "admin: 10.0.0.1:8081\n",
     "p.yaml:1:8: admin: other machines reach 10.0.0.1, and keys: open lets everybody in; list "
     "keys (\"postern key new\" makes one) or listen on 127.0.0.1"},
    {"admin: same as listen",
     "listen: 127.0.0.1:9000\n"
     "admin: 127.0.0.1:9000\n",
     "p.yaml:2:8: admin: the same address as listen; give it another port, or off"},
    {"admin: same as listen, by default", "listen: 127.0.0.1:8081\n",
     "default: admin: the same address as listen; give it another port, or off"},
    {"tls: unreadable", "tls: {cert: /nonexistent/cert.pem, key: /nonexistent/key.pem}\n",
     "p.yaml:1:13: cert: \"/nonexistent/cert.pem\" cannot be read: No such file or directory"},
    {"tls: a directory", "tls: {cert: /tmp, key: /tmp}\n",
     "p.yaml:1:13: cert: \"/tmp\" cannot be read: it is not a regular file"},
    {"tls: no key", "tls: {cert: /nonexistent/cert.pem}\n", "p.yaml:1:6: tls: \"key\" is missing"},
    {"keys: required", "keys: required\n",
     "p.yaml:1:7: keys: required needs the key store, which does not exist yet; write a list of "
     "{name, hash} (\"postern key new\" makes one)"},
    {"keys: other word", "keys: closed\n",
     "p.yaml:1:7: keys: neither open nor a list of {name, hash}"},
    {"keys: no value", "keys:\n", "p.yaml:1:6: keys: no value; give one or remove the key"},
    {"keys: empty", "keys: []\n", "p.yaml:1:7: keys: the list is empty"},
    {"keys: a mapping", "keys: {a: b}\n", "p.yaml:1:7: keys: expected a list, found a mapping"},
    {"keys: the key itself", "keys: [pk_abcdefghijklmnop]\n",
     "p.yaml:1:8: keys: an entry is {name: …, hash: …}; a key itself never stands here"},
    {"keys: the key as hash", "keys: [{name: a, hash: pk_abcdefghijklmnop}]\n",
     "p.yaml:1:24: hash: this is not 64 hex digits; it is the SHA-256 of the key, never the key "
     "itself"},
    {"keys: not hex",
     "keys: [{name: a, hash: gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg}]\n",
     "p.yaml:1:24: hash: this is not 64 hex digits; it is the SHA-256 of the key, never the key "
     "itself"},
    {"keys: no hash", "keys: [{name: a}]\n", "p.yaml:1:8: keys[]: \"hash\" is missing"},
    {"keys: name twice",
     "keys: [{name: a, hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}, "
     "{name: a, hash: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb}]\n",
     "p.yaml:1:91: keys: the name \"a\" is here twice"},
    {"keys: hash twice",
     "keys: [{name: a, hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}, "
     "{name: b, hash: sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA}]\n",
     "p.yaml:1:91: keys: this hash is here twice"},
    {"keys: a space in a name",
     "keys: [{name: a b, hash: "
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}]\n",
     "p.yaml:1:15: name: \"a b\" holds a character that a name cannot have (spaces, * \" \\ , ; "
     "and non-ASCII)"},
    {"hosts: star", "hosts: [\"*\"]\n",
     "p.yaml:1:9: hosts: \"*\" would let any web page in by DNS rebinding; name the hosts"},
    {"hosts: with a port", "hosts: [gateway.lan:8080]\n",
     "p.yaml:1:9: hosts: \"gateway.lan:8080\" is not a host name; leave out scheme and port"},
    {"hosts: bad label", "hosts: [-a.lan]\n",
     "p.yaml:1:9: hosts: \"-a.lan\" is not a valid host name"},
    {"hosts: twice", "hosts: [a.lan, A.LAN]\n", "p.yaml:1:16: hosts: \"A.LAN\" is here twice"},
    {"cors: star", "cors: [\"*\"]\n",
     "p.yaml:1:8: cors: \"*\" would let every web page in; name the origins"},
    {"cors: with a path", "cors: [https://a.example/]\n",
     "p.yaml:1:8: cors: \"https://a.example/\" has a path; an origin ends after host and port"},
    {"cors: no scheme", "cors: [a.example]\n",
     "p.yaml:1:8: cors: \"a.example\" does not begin with https:// or http://"},
    {"providers: empty", "providers: []\n", "p.yaml:1:12: providers: the list is empty"},
    {"providers: not a list", "providers: {name: a}\n",
     "p.yaml:1:12: providers: expected a list, found a mapping"},
    {"provider: an entry is text", "providers: [a]\n",
     "p.yaml:1:13: providers[]: expected a mapping, found one value"},
    {"provider: no name",
     "providers:\n"
     "  - eu_native: true\n"
     "    base_url: http://127.0.0.1:1/v1\n" MODELS,
     "p.yaml:2:5: providers[]: \"name\" is missing"},
    {"provider: no base_url",
     "providers:\n"
     "  - {name: a, models: [{id: m}]}\n",
     "p.yaml:2:5: providers[]: \"base_url\" is missing"},
    {"provider: no models",
     "providers:\n"
     "  - {name: a, base_url: http://127.0.0.1:1}\n",
     "p.yaml:2:5: providers[]: \"models\" is missing"},
    {"provider: name twice",
     PROVIDER MODELS "  - name: a\n"
                     "    base_url: http://127.0.0.1:1/v1\n"
                     "    models: [{id: n}]\n",
     "p.yaml:5:11: name: another provider is already called \"a\""},
    {"provider: protocol", PROVIDER "    protocol: engine\n" MODELS,
     "p.yaml:4:15: protocol: \"engine\" is not one of openai, anthropic, offline"},
    {"provider: offline with a URL", PROVIDER "    protocol: offline\n" MODELS,
     "p.yaml:3:5: base_url: protocol: offline is built in and has no base_url"},
    {"url: scheme",
     "providers:\n"
     "  - name: a\n"
     "    base_url: ftp://a.example\n" MODELS,
     "p.yaml:3:15: base_url: this URL does not begin with https:// or http://"},
    {"url: no host",
     "providers:\n"
     "  - name: a\n"
     "    base_url: https:///v1\n" MODELS,
     "p.yaml:3:15: base_url: this URL has no valid host name or address"},
    {"url: user and password",
     "providers:\n"
     "  - name: a\n"
     "    base_url: https://joe:hunter2@a.example/v1\n" MODELS,
     "p.yaml:3:15: base_url: this URL carries a user name or password; use api_key"},
    {"url: query",
     "providers:\n"
     "  - name: a\n"
     "    base_url: https://a.example/v1?key=hunter2\n" MODELS,
     "p.yaml:3:15: base_url: this URL has a query or fragment; only scheme, host, port and path "
     "belong here"},
    {"url: fragment",
     "providers:\n"
     "  - name: a\n"
     "    base_url: \"https://a.example/v1#x\"\n" MODELS,
     "p.yaml:3:15: base_url: this URL has a query or fragment; only scheme, host, port and path "
     "belong here"},
    {"url: space",
     "providers:\n"
     "  - name: a\n"
     "    base_url: \"https://a.example/v 1\"\n" MODELS,
     "p.yaml:3:15: base_url: this URL holds a character that a URL cannot have"},
    {"url: port 0",
     "providers:\n"
     "  - name: a\n"
     "    base_url: https://a.example:0/v1\n" MODELS,
     "p.yaml:3:15: base_url: this URL has port 0"},
    {"url: port too large",
     "providers:\n"
     "  - name: a\n"
     "    base_url: https://a.example:70000/v1\n" MODELS,
     "p.yaml:3:15: base_url: this URL has a port that is not between 0 and 65535"},
    {"url: short IPv4",
     "providers:\n"
     "  - name: a\n"
     "    base_url: http://127.1/v1\n" MODELS,
     "p.yaml:3:15: base_url: this URL has no valid host name or address"},
    {"url: number as a host",
     "providers:\n"
     "  - name: a\n"
     "    base_url: http://2130706433/v1\n" MODELS,
     "p.yaml:3:15: base_url: this URL has no valid host name or address"},
    {"url: hexadecimal host",
     "providers:\n"
     "  - name: a\n"
     "    base_url: http://0x7f000001/v1\n" MODELS,
     "p.yaml:3:15: base_url: this URL has no valid host name or address"},
    {"url: dots in the path",
     "providers:\n"
     "  - name: a\n"
     "    base_url: https://a.example/v1/../admin\n" MODELS,
     "p.yaml:3:15: base_url: this URL has an empty, . or .. part in its path"},
    {"url: an endpoint",
     "providers:\n"
     "  - name: a\n"
     "    base_url: https://a.example/v1/chat/completions\n" MODELS,
     "p.yaml:3:15: base_url: this URL names one endpoint; leave out /chat/completions or /messages "
     "at the end"},
    {"api_key: variable not set", PROVIDER "    api_key: ${NOBODY}\n" MODELS,
     "p.yaml:4:14: api_key: the variable NOBODY is not set"},
    {"api_key: variable empty", PROVIDER "    api_key: ${EMPTY}\n" MODELS,
     "p.yaml:4:14: api_key: the secret is empty"},
    {"api_key: variable blank", PROVIDER "    api_key: ${BLANK}\n" MODELS,
     "p.yaml:4:14: api_key: the secret is empty"},
    {"api_key: variable with a line end", PROVIDER "    api_key: ${LINES}\n" MODELS,
     "p.yaml:4:14: api_key: the secret holds a space, a line end or a character that a header "
     "field cannot carry"},
    {"api_key: empty", PROVIDER "    api_key: \"\"\n" MODELS,
     "p.yaml:4:14: api_key: the secret is empty"},
    {"api_key: file missing", PROVIDER "    api_key: file:/nonexistent/key\n" MODELS,
     "p.yaml:4:14: api_key: the file cannot be read: No such file or directory"},
    {"api_key: file is a directory", PROVIDER "    api_key: file:/tmp\n" MODELS,
     "p.yaml:4:14: api_key: the file cannot be read: it is not a regular file"},
    {"api_key: file without a path", PROVIDER "    api_key: 'file:'\n" MODELS,
     "p.yaml:4:14: api_key: file: needs a path, as in file:/run/secrets/name"},
    {"api_key: a list", PROVIDER "    api_key: [a]\n" MODELS,
     "p.yaml:4:14: api_key: expected one value, found a list"},
    {"variable: not closed", "data: ${HOME\n",
     "p.yaml:1:7: data: ${ without a variable's name and }; write $${ for the characters ${"},
    {"variable: bad name", "data: ${1X}\n",
     "p.yaml:1:7: data: ${ without a variable's name and }; write $${ for the characters ${"},
    {"variable: not set", "listen: 127.0.0.1:${NOBODY}\n",
     "p.yaml:1:9: listen: the variable NOBODY is not set"},
    {"variable: its value is not shown", "workers: ${KEY}\n",
     "p.yaml:1:10: workers: \"${KEY}\" is not a whole number"},
    {"ca_file: missing",
     "providers:\n"
     "  - name: a\n"
     "    base_url: https://a.example\n"
     "    ca_file: /nonexistent/ca.pem\n" MODELS,
     "p.yaml:4:14: ca_file: \"/nonexistent/ca.pem\" cannot be read: No such file or directory"},
    {"profile: a space", PROVIDER "    profile: v llm\n" MODELS,
     "p.yaml:4:14: profile: \"v llm\" holds a character that a name cannot have (spaces, * \" \\ , "
     "; and non-ASCII)"},
    {"models: empty", PROVIDER "    models: []\n", "p.yaml:4:13: models: the list is empty"},
    {"models: an entry is text", PROVIDER "    models: [m]\n",
     "p.yaml:4:14: providers[].models[]: expected a mapping, found one value"},
    {"model: no id", PROVIDER "    models: [{upstream: x}]\n",
     "p.yaml:4:14: providers[].models[]: \"id\" is missing"},
    {"model: star in the id", PROVIDER "    models: [{id: m*}]\n",
     "p.yaml:4:19: id: \"m*\" holds a character that a name cannot have (spaces, * \" \\ , ; and "
     "non-ASCII)"},
    {"model: id twice", PROVIDER "    models: [{id: m}, {id: m}]\n",
     "p.yaml:4:28: id: another model is already called \"m\""},
    {"model: id too long",
     PROVIDER "    models: [{id: "
              "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
              "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm}]\n",
     "p.yaml:4:19: id: longer than 128 bytes"},
    {"model: context", PROVIDER "    models: [{id: m, context: 10}]\n",
     "p.yaml:4:31: context: \"10\" is out of range (256 to 100000000)"},
    {"model: output above context",
     PROVIDER "    models: [{id: m, context: 1000, max_output: 2000}]\n",
     "p.yaml:4:49: max_output: larger than context"},
    {"model: capability", PROVIDER "    models: [{id: m, capabilities: [tool]}]\n",
     "p.yaml:4:37: capabilities: \"tool\" is not one of tools, thinking, vision (did you mean "
     "\"tools\"?)"},
    {"model: capability, far", PROVIDER "    models: [{id: m, capabilities: [audio-in]}]\n",
     "p.yaml:4:37: capabilities: \"audio-in\" is not one of tools, thinking, vision"},
    {"model: no capabilities", PROVIDER "    models: [{id: m, capabilities: []}]\n",
     "p.yaml:4:36: capabilities: the list is empty"},
    {"model: date", PROVIDER "    models: [{id: m, created: 2026-02-29}]\n",
     "p.yaml:4:31: created: \"2026-02-29\" is not a date; write year-month-day, as in 2026-01-31"},
    {"price: incomplete", PROVIDER "    models: [{id: m, price: {input: 1}}]\n",
     "p.yaml:4:29: providers[].models[].price: \"output\" is missing"},
    {"price: negative", PROVIDER "    models: [{id: m, price: {input: -1, output: 1}}]\n",
     "p.yaml:4:37: input: \"-1\" is not a price; write a decimal number with at most 6 digits "
     "after the point, as in 0.075"},
    {"price: seven digits",
     PROVIDER "    models: [{id: m, price: {input: 0.0000001, output: 1}}]\n",
     "p.yaml:4:37: input: \"0.0000001\" is not a price; write a decimal number with at most 6 "
     "digits after the point, as in 0.075"},
    {"price: exponent", PROVIDER "    models: [{id: m, price: {input: 1e3, output: 1}}]\n",
     "p.yaml:4:37: input: \"1e3\" is not a price; write a decimal number with at most 6 digits "
     "after the point, as in 0.075"},
    {"default_model: unknown, near",
     PROVIDER "    models: [{id: qwen3-coder}]\n"
              "default_model: qwen3coder\n",
     "p.yaml:5:16: default_model: no model is called \"qwen3coder\" (did you mean "
     "\"qwen3-coder\"?)"},
    {"default_model: unknown, far", PROVIDER MODELS "default_model: something-else\n",
     "p.yaml:5:16: default_model: no model is called \"something-else\""},
    {"aliases: unknown model", PROVIDER MODELS "aliases: {x: zzz}\n",
     "p.yaml:5:14: aliases: no model is called \"zzz\""},
    {"aliases: star inside", PROVIDER MODELS "aliases: {a*b: m}\n",
     "p.yaml:5:11: aliases: \"a*b\" has a * that is not its last character"},
    {"aliases: two stars", PROVIDER MODELS "aliases: {a**: m}\n",
     "p.yaml:5:11: aliases: \"a**\" has a * that is not its last character"},
    {"aliases: a model's id", PROVIDER MODELS "aliases: {m: m}\n",
     "p.yaml:5:11: aliases: \"m\" is the id of a model; the alias would never act"},
    {"aliases: a list", PROVIDER MODELS "aliases: [m]\n",
     "p.yaml:5:10: aliases: expected a mapping of names to model ids"},
    {"aliases: empty", PROVIDER MODELS "aliases: {}\n",
     "p.yaml:5:10: aliases: expected a mapping of names to model ids"},
    {"fallbacks: unknown model", PROVIDER MODELS "fallbacks: {x: [m]}\n",
     "p.yaml:5:13: fallbacks: no model is called \"x\""},
    {"fallbacks: to an unknown model", PROVIDER MODELS "fallbacks: {m: [zzz]}\n",
     "p.yaml:5:17: fallbacks: no model is called \"zzz\""},
    {"fallbacks: to itself", PROVIDER MODELS "fallbacks: {m: [m]}\n",
     "p.yaml:5:17: fallbacks: \"m\" comes twice on the way from \"m\""},
    {"fallbacks: not a list", PROVIDER MODELS "fallbacks: {m: m}\n",
     "p.yaml:5:16: fallbacks: expected a list, found one value"},
    {"fallbacks: empty list", PROVIDER MODELS "fallbacks: {m: []}\n",
     "p.yaml:5:16: fallbacks: the list is empty"},
};

static void refuses_with_the_exact_message(void **state)
{
    (void)state;
    static const char *const secrets[] = {SECRET, "hunter2", "abcdefgh", "0123456789abc"};
    size_t failures = 0;
    for (size_t i = 0; i < COUNT_OF(bad_files); i++) {
        const struct bad *bad = &bad_files[i];
        struct fixture f;
        fixture_parse(&f, str_c(bad->yaml));
        struct str rest = buf_str(&f.problems);
        struct str first = STR_NONE;
        str_cut(&rest, '\n', &first);
        if (f.config || !str_eq(first, str_c(bad->first))) {
            print_error("%s\n  got  %.*s\n  want %s\n", bad->name, STR_ARG(first), bad->first);
            failures++;
        }
        for (size_t j = 0; j < COUNT_OF(secrets); j++) {
            if (fixture_says(&f, secrets[j])) {
                print_error("%s: shows a secret\n", bad->name);
                failures++;
            }
        }
        fixture_end(&f);
    }
    assert_int_equal(failures, 0);
}

/* Ruling 4, and design.md: open keys mean loopback only, however the address is written. */
static void open_keys_mean_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool loopback;
    } rows[] = {
        {"127.0.0.1:1", true},
        {"127.9.9.9:1", true},
        {"[::1]:1", true},
        {"localhost:1", true},
        {"[::ffff:127.0.0.1]:1", true},
        {"0.0.0.0:1", false},
        {"[::]:1", false},
        {"10.0.0.1:1", false},
        {"[fe80::1]:1", false},
        {"[::ffff:0.0.0.0]:1", false},
    };
    static const char *const doors[] = {"listen: '%s'\n", "listen: ['%s']\n",
                                        "listen: [{address: '%s'}]\n", "admin: '%s'\n",
                                        "keys: ${MODE}\nlisten: '%s'\n"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t j = 0; j < COUNT_OF(doors); j++) {
            struct buf yaml;
            buf_init(&yaml, 256);
            struct str form = str_c(doors[j]);
            size_t at = str_find(form, STR("%s"));
            buf_add(&yaml, str_take(form, at));
            buf_add(&yaml, str_c(rows[i].address));
            buf_add(&yaml, str_skip(form, at + 2));
            struct fixture f;
            fixture_parse(&f, buf_str(&yaml));
            if (!f.config == rows[i].loopback) {
                print_error("%.*s: %s\n", STR_ARG(buf_str(&yaml)), f.config ? "in" : "refused");
            }
            assert_int_equal(f.config != NULL, rows[i].loopback);
            assert_int_equal(fixture_says(&f, "keys: open lets everybody in"), !rows[i].loopback);
            fixture_end(&f);
            buf_fini(&yaml);
        }
    }
}

static void writes_no_key_of_a_list(void **state)
{
    (void)state;
    static const char *const files[] = {
        "keys: [\"pk_0123456789abcdefghij\"]\n",
        "keys: pk_0123456789abcdefghij\n",
        "keys: {pk_0123456789abcdefghij: laptop}\n",
        "keys: [{pk_0123456789abcdefghij: laptop}]\n",
        "keys: [{name: laptop, hash: pk_0123456789abcdefghij}]\n",
        "keys: [{name: laptop, hash: [pk_0123456789abcdefghij]}]\n",
        "keys: [[pk_0123456789abcdefghij]]\n",
        "pk_0123456789abcdefghij\n",
        PROVIDER "    api_key: {pk_0123456789abcdefghij: x}\n" MODELS,
        PROVIDER "    api_key: pk_0123456789abcdefghij and more\n" MODELS,
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct fixture f;
        fixture_parse(&f, str_c(files[i]));
        assert_null(f.config);
        assert_false(fixture_says(&f, "0123456789"));
        fixture_end(&f);
    }
}

static void lists_every_problem_in_the_order_of_the_file(void **state)
{
    (void)state;
    struct fixture f;
    fixture_parse(&f, STR("aliases: {x: nothing}\n"
                          "workers: many\n"
                          "limits: {head_time: soon}\n"
                          "data:\n"
                          "lissten: 1\n" PROVIDER MODELS));
    assert_null(f.config);
    assert_str(
        buf_str(&f.problems),
        "p.yaml:1:14: aliases: no model is called \"nothing\"\n"
        "p.yaml:2:10: workers: \"many\" is not a whole number\n"
        "p.yaml:3:21: head_time: \"soon\" is not a time; write a whole number and ms, s, m or "
        "h, as in 10s\n"
        "p.yaml:4:6: data: no value; give one or remove the key\n"
        "p.yaml:5:1: unknown key \"lissten\" (did you mean \"listen\"?)\n");
    fixture_end(&f);
}

/* What follows from a mistake is not a second mistake. */
static void says_each_thing_once(void **state)
{
    (void)state;
    static const char *const files[] = {
        PROVIDER MODELS "limits: {out_high: 1B, out_low: 1MiB}\n",
        PROVIDER MODELS "keys: nobody\nlisten: 0.0.0.0:1\n",
        PROVIDER MODELS "listen: nonsense\nadmin: nonsense:1\nlimits: 3\n",
        "providers: []\ndefault_model: x\naliases: {a: b}\nfallbacks: {a: [b]}\n",
    };
    static const size_t counts[] = {1, 1, 3, 1};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct fixture f;
        fixture_parse(&f, str_c(files[i]));
        size_t lines = 0;
        for (size_t j = 0; j < f.problems.len; j++) {
            lines += f.problems.p[j] == '\n';
        }
        if (lines != counts[i]) {
            print_error("%s\n%.*s", files[i], STR_ARG(buf_str(&f.problems)));
        }
        assert_int_equal(lines, counts[i]);
        fixture_end(&f);
    }
}

static void expands_variables_once(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *data;
    } rows[] = {
        {"data: /a/${PORT}/b\n", "/a/9000/b"}, {"data: '${PORT}${PORT}'\n", "90009000"},
        {"data: ${TWICE}\n", "${PORT}"},       {"data: $${PORT}\n", "${PORT}"},
        {"data: $$${PORT}\n", "$${PORT}"},     {"data: $PORT$\n", "$PORT$"},
        {"data: a${EMPTY}b\n", "ab"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        assert_str(fixture_good(&f, rows[i].yaml)->data, rows[i].data);
        fixture_end(&f);
    }
}

static void expands_variables_in_any_value(void **state)
{
    (void)state;
    struct fixture f;
    struct config *c = fixture_good(&f, "listen: 127.0.0.1:${PORT}\n"
                                        "limits: {pool_open: '${PORT}', write_stall: '${PORT}ms'}\n"
                                        "aliases: {a: 'postern-offline${EMPTY}'}\n");
    assert_int_equal(c->listen[0].port, 9000);
    assert_int_equal(c->limits.pool_open, 9000);
    assert_int_equal(c->limits.write_stall, UINT64_C(9000000000));
    fixture_end(&f);
}

/* Writes `content` to a new file and puts its path into `path`. */
static void write_file(char path[32], const char *content, mode_t mode)
{
    memcpy(path, "/tmp/postern-test-XXXXXX", sizeof("/tmp/postern-test-XXXXXX"));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    ssize_t n = write(fd, content, strlen(content));
    assert_int_equal(n, strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void reads_secrets_from_files(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        mode_t mode;
        const char *secret; /* null: refused */
        const char *says;   /* null: nothing */
    } rows[] = {
        {"abc", 0600, "abc", NULL},
        {"abc\n", 0600, "abc", NULL},
        {"abc\r\n", 0600, "abc", NULL},
        {"abc\n", 0644, "abc", "every user of this machine can read the file"},
        {"", 0600, NULL, "the secret is empty"},
        {"\n", 0600, NULL, "the secret is empty"},
        {" \t \n", 0600, NULL, "the secret is empty"},
        {"abc\n\n", 0600, NULL, "the secret holds"},
        {"a b", 0600, NULL, "the secret holds"},
        {"a\xc3\xa9", 0600, NULL, "the secret holds"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char path[32];
        char yaml[256];
        write_file(path, rows[i].content, rows[i].mode);
        (void)snprintf(yaml, sizeof(yaml), PROVIDER "    api_key: file:%s\n" MODELS, path);
        struct fixture f;
        fixture_parse(&f, str_c(yaml));
        unlink(path);
        if (!f.config != !rows[i].secret) {
            print_error("row %zu: %.*s\n", i, STR_ARG(buf_str(&f.problems)));
        }
        assert_int_equal(f.config != NULL, rows[i].secret != NULL);
        if (f.config) {
            assert_str(secret_expose(&f.config->providers[0].api_key), rows[i].secret);
        }
        assert_true(rows[i].says ? fixture_says(&f, rows[i].says) : f.problems.len == 0);
        fixture_end(&f);
    }
}

static void refuses_a_secret_file_that_is_too_large(void **state)
{
    (void)state;
    char path[32];
    char yaml[256];
    char *content = malloc(9001);
    memset(content, 'a', 9000);
    content[9000] = 0;
    write_file(path, content, 0600);
    free(content);
    (void)snprintf(yaml, sizeof(yaml), PROVIDER "    api_key: file:%s\n" MODELS, path);
    struct fixture f;
    fixture_parse(&f, str_c(yaml));
    unlink(path);
    assert_null(f.config);
    assert_true(fixture_says(&f, "it is larger than a key"));
    fixture_end(&f);
}

static void warns_about_secrets_in_the_file_and_on_the_wire(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *says; /* null: nothing */
    } rows[] = {
        {PROVIDER "    api_key: abcdefgh\n" MODELS,
         "warning: p.yaml:4:14: api_key stands in the file; use ${VARIABLE} or file:/path "
         "instead\n"},
        {PROVIDER "    api_key: ${KEY}\n" MODELS, NULL},
        {"providers:\n  - {name: a, base_url: http://a.example, api_key: \"${KEY}\", models: [{id: "
         "m}]}\n",
         "warning: p.yaml:2:52: api_key travels unencrypted to a.example; use https\n"},
        {"providers:\n  - {name: a, base_url: https://a.example, api_key: \"${KEY}\", models: "
         "[{id: m}]}\n",
         NULL},
        {"providers:\n  - {name: a, base_url: 'http://[::1]:1', api_key: \"${KEY}\", models: [{id: "
         "m}]}\n",
         NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct fixture f;
        fixture_good(&f, rows[i].yaml);
        assert_str(buf_str(&f.problems), rows[i].says ? rows[i].says : "");
        fixture_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_the_exact_message),
        cmocka_unit_test(open_keys_mean_loopback),
        cmocka_unit_test(writes_no_key_of_a_list),
        cmocka_unit_test(lists_every_problem_in_the_order_of_the_file),
        cmocka_unit_test(says_each_thing_once),
        cmocka_unit_test(expands_variables_once),
        cmocka_unit_test(expands_variables_in_any_value),
        cmocka_unit_test(reads_secrets_from_files),
        cmocka_unit_test(refuses_a_secret_file_that_is_too_large),
        cmocka_unit_test(warns_about_secrets_in_the_file_and_on_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

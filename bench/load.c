/* SPDX-License-Identifier: MIT */
/* load.c - the load generator of the benches: one thread, plain epoll, no code of src/.
 *
 *   load requests   closed loop: C connections, each sends the next request when the answer is complete
 *   load streams    open loop: streams start on a fixed schedule, whatever the server does. Times count from the
 *                   scheduled start, so a stall shows as latency (no coordinated omission)
 *
 * bench/upstream marks each content event with "<counter:nanoseconds>". The scanner below looks for these marks in the
 * decoded body and knows nothing else of SSE or JSON, so the same code reads Anthropic events from Postern and OpenAI
 * chunks through nginx: counters must run 1, 2, 3 ..., and the time in the mark gives the way from upstream to here.
 * Both processes read the same monotonic clock.
 *
 *   CONNECT ─▶ SEND ─▶ HEAD ─▶ BODY ─▶ (requests: SEND again | streams: closed)
 *
 * One JSON line on stdout at the end. Exit status 1 when there was any error. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS   1000000000u
#define HEAD_MAX    8192u
#define HEADERS_MAX 24
#define SUB_BITS    7u /* 128 steps per power of two: under 1 % wide */
#define HIST_SIZE   (64u << SUB_BITS)

struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t bucket[HIST_SIZE];
};

enum phase { IDLE, CONNECT, SEND, HEAD, BODY };
enum framing { LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, UNTIL_CLOSE };
enum mark { OUTSIDE, COUNTER, STAMP };

/* Where a fixed text was matched up to; the texts do not overlap themselves. */
struct finder {
    const char *text;
    size_t at;
};

struct conn {
    int fd;
    enum phase phase;
    uint64_t start_ns; /* scheduled (streams) or real (requests) */
    size_t sent;
    char head[HEAD_MAX];
    size_t head_n;
    unsigned status;
    enum framing framing;
    uint64_t left; /* of the body or the chunk */
    size_t line_n; /* of a chunk-size or trailer line */
    bool close_after;
    bool fresh; /* no answer came over this connection yet */
    enum mark mark;
    uint64_t mark_value;
    uint64_t mark_counter;
    uint64_t last_counter;
    uint64_t last_event_ns;
    struct finder end;
    struct finder error;
    bool saw_end;
    bool saw_error;
};

static struct {
    const char *host;
    uint16_t port;
    const char *path;
    const char *body_file;
    const char *headers[HEADERS_MAX];
    size_t header_count;
    const char *dialect; /* "anthropic" or "openai": how a stream ends */
    uint64_t connections;
    uint64_t count;
    uint64_t seconds;
    uint64_t rate;   /* arrivals per second; 0: all at once */
    uint64_t events; /* expected per stream; 0: any */
    uint64_t timeout;
    bool streams;
    bool hold;
} opt = {.host = "127.0.0.1",
         .path = "/v1/messages",
         .dialect = "anthropic",
         .connections = 1,
         .count = 1,
         .timeout = 120};

static char *request;
static size_t request_n;
static int epoll_fd;
static int timer_fd;
static struct sockaddr_in address;
static volatile sig_atomic_t stopping;

static struct conn *conns;
static uint64_t start_ns;
static uint64_t end_ns;
static uint64_t started;
static uint64_t finished;
static uint64_t errors;
static uint64_t reconnects;
static uint64_t disordered;
static uint64_t incomplete;
static uint64_t events;
static uint64_t bytes;
static uint64_t firsts; /* streams whose first event came */
static uint64_t open_count;
static uint64_t open_peak;
static unsigned last_bad_status;
static struct histogram latency; /* whole request; in streams mode the first event */
static struct histogram gap;
static struct histogram delay;

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* --- histogram: log-linear, like HDR --- */

static void histogram_add(struct histogram *h, uint64_t v)
{
    unsigned high = v < (1u << SUB_BITS) ? 0 : 63u - (unsigned)__builtin_clzll(v) - SUB_BITS + 1;
    size_t i =
        ((size_t)high << SUB_BITS) + (size_t)(high ? (v >> (high - 1)) - (1u << SUB_BITS) : v);
    h->bucket[i < HIST_SIZE ? i : HIST_SIZE - 1]++;
    h->count++;
    h->max = v > h->max ? v : h->max;
}

static uint64_t bucket_value(size_t i)
{
    size_t high = i >> SUB_BITS;
    uint64_t low = i & ((1u << SUB_BITS) - 1);
    return high ? (low + (1u << SUB_BITS)) << (high - 1) : low;
}

static double histogram_us(const struct histogram *h, double part)
{
    uint64_t want = (uint64_t)((double)h->count * part);
    uint64_t have = 0;
    for (size_t i = 0; i < HIST_SIZE; i++) {
        have += h->bucket[i];
        if (have > want) {
            return (double)bucket_value(i) / 1000.0;
        }
    }
    return (double)h->max / 1000.0;
}

static void print_histogram(const char *name, const struct histogram *h)
{
    printf(",\"%s_us\":{\"count\":%llu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,"
           "\"max\":%.1f}",
           name, (unsigned long long)h->count, histogram_us(h, 0.5), histogram_us(h, 0.9),
           histogram_us(h, 0.99), histogram_us(h, 0.999), (double)h->max / 1000.0);
}

/* --- reading an answer --- */

static bool finder_feed(struct finder *f, char byte)
{
    if (byte == f->text[f->at]) {
        f->at++;
    } else {
        f->at = byte == f->text[0] ? 1 : 0;
    }
    if (f->text[f->at] != '\0') {
        return false;
    }
    f->at = 0;
    return true;
}

static void event_seen(struct conn *c, uint64_t counter, uint64_t stamp, uint64_t now)
{
    events++;
    if (counter != c->last_counter + 1) {
        disordered++;
    }
    if (c->last_counter == 0) {
        firsts++;
        if (opt.streams) {
            histogram_add(&latency, now - c->start_ns);
        }
    } else {
        histogram_add(&gap, now - c->last_event_ns);
    }
    c->last_counter = counter;
    c->last_event_ns = now;
    histogram_add(&delay, now > stamp ? now - stamp : 0);
}

static void scan_mark(struct conn *c, char byte, uint64_t now)
{
    if (byte == '<') {
        c->mark = COUNTER;
        c->mark_value = 0;
    } else if (c->mark != OUTSIDE && byte >= '0' && byte <= '9') {
        c->mark_value = c->mark_value * 10 + (uint64_t)(byte - '0');
    } else if (c->mark == COUNTER && byte == ':') {
        c->mark = STAMP;
        c->mark_counter = c->mark_value;
        c->mark_value = 0;
    } else {
        if (c->mark == STAMP && byte == '>') {
            event_seen(c, c->mark_counter, c->mark_value, now);
        }
        c->mark = OUTSIDE;
    }
}

static void scan_body(struct conn *c, const char *p, size_t n, uint64_t now)
{
    bytes += n;
    if (!opt.streams) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        scan_mark(c, p[i], now);
        c->saw_end |= finder_feed(&c->end, p[i]);
        c->saw_error |= finder_feed(&c->error, p[i]);
    }
}

static const char *head_value(const struct conn *c, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = c->head; line; line = strchr(line, '\n')) {
        line += *line == '\n' ? 1 : 0;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            line += n + 1;
            return line + strspn(line, " ");
        }
    }
    return NULL;
}

/* The head is complete and NUL-terminated: how does the body end? */
static void read_head(struct conn *c)
{
    const char *length = head_value(c, "content-length");
    const char *coding = head_value(c, "transfer-encoding");
    const char *connection = head_value(c, "connection");
    c->status = c->head_n > 12 ? (unsigned)strtoul(c->head + 9, NULL, 10) : 0;
    c->close_after = connection && strncasecmp(connection, "close", 5) == 0;
    c->line_n = 0;
    c->left = 0;
    if (coding && strncasecmp(coding, "chunked", 7) == 0) {
        c->framing = CHUNK_SIZE;
    } else if (length) {
        c->framing = LENGTH;
        c->left = strtoull(length, NULL, 10);
    } else {
        c->framing = UNTIL_CLOSE;
    }
    c->phase = BODY;
}

static int hex_of(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* One byte of chunk framing. True: the body is over. */
static bool feed_framing(struct conn *c, char byte)
{
    if (byte == '\r') {
        return false;
    }
    if (byte != '\n') {
        int digit = hex_of(byte);
        if (c->framing == CHUNK_SIZE && digit >= 0) {
            c->left = c->left * 16 + (uint64_t)digit;
        }
        c->line_n++;
        return false;
    }
    bool empty = c->line_n == 0;
    c->line_n = 0;
    if (c->framing == CHUNK_END) {
        c->framing = CHUNK_SIZE;
        c->left = 0;
    } else if (c->framing == CHUNK_SIZE) {
        c->framing = c->left > 0 ? CHUNK_DATA : TRAILER;
    } else if (c->framing == TRAILER && empty) {
        return true;
    }
    return false;
}

/* True: the body is complete; *used tells how many bytes belonged to it. */
static bool feed_body(struct conn *c, const char *p, size_t n, size_t *used, uint64_t now)
{
    size_t i = 0;
    bool over = c->framing == LENGTH && c->left == 0;
    while (i < n && !over) {
        if (c->framing == LENGTH || c->framing == CHUNK_DATA || c->framing == UNTIL_CLOSE) {
            size_t part = n - i;
            if (c->framing != UNTIL_CLOSE && part > c->left) {
                part = (size_t)c->left;
            }
            scan_body(c, p + i, part, now);
            i += part;
            c->left -= c->framing == UNTIL_CLOSE ? 0 : part;
            over = c->framing == LENGTH && c->left == 0;
            if (c->framing == CHUNK_DATA && c->left == 0) {
                c->framing = CHUNK_END;
            }
        } else {
            over = feed_framing(c, p[i++]);
        }
    }
    *used = i;
    return over;
}

/* --- connections --- */

static void conn_drop(struct conn *c)
{
    if (c->phase != IDLE) {
        close(c->fd);
        c->phase = IDLE;
        open_count--;
    }
}

static void conn_open(struct conn *c, uint64_t scheduled)
{
    int one = 1;
    memset(c, 0, sizeof(*c));
    c->start_ns = scheduled;
    c->fresh = true;
    c->end.text = strcmp(opt.dialect, "openai") == 0 ? "[DONE]" : "event: message_stop";
    c->error.text = strcmp(opt.dialect, "openai") == 0 ? "\"error\":{" : "event: error";
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        die("socket");
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS) {
        die("connect");
    }
    c->phase = CONNECT;
    open_count++;
    open_peak = open_count > open_peak ? open_count : open_peak;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
        die("epoll_ctl");
    }
}

static bool may_start_more(uint64_t now)
{
    if (stopping) {
        return false;
    }
    return opt.seconds ? now < start_ns + opt.seconds * SECOND_NS : started < opt.count;
}

static void begin_request(struct conn *c, uint64_t now)
{
    started++;
    c->sent = 0;
    c->head_n = 0;
    c->start_ns = now;
    c->phase = SEND;
}

static void request_failed(struct conn *c)
{
    errors++;
    finished++;
    if (c->status != 200 && c->status != 0) {
        last_bad_status = c->status;
    }
    conn_drop(c);
}

static void stream_over(struct conn *c)
{
    bool whole = c->status == 200 && c->saw_end && !c->saw_error &&
                 (opt.events == 0 || c->last_counter == opt.events);
    if (!whole) {
        incomplete++;
        request_failed(c);
        return;
    }
    finished++;
    conn_drop(c);
}

static void conn_send(struct conn *c);

static void answer_over(struct conn *c, uint64_t now)
{
    if (opt.streams) {
        stream_over(c);
        return;
    }
    c->fresh = false;
    if (c->status != 200) {
        request_failed(c);
    } else {
        finished++;
        histogram_add(&latency, now - c->start_ns);
        end_ns = now;
        if (c->close_after || c->framing == UNTIL_CLOSE) {
            reconnects++;
            conn_drop(c);
        }
    }
    if (!may_start_more(now)) {
        conn_drop(c);
    } else if (c->phase == IDLE) {
        conn_open(c, now);
    } else {
        begin_request(c, now);
        conn_send(c);
    }
}

static void conn_send(struct conn *c)
{
    while (c->phase == SEND && c->sent < request_n) {
        ssize_t n = send(c->fd, request + c->sent, request_n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n < 0 && errno != EINTR) {
            request_failed(c);
            return;
        }
        c->sent += n > 0 ? (size_t)n : 0;
    }
    c->phase = HEAD;
}

/* Takes bytes into the head until it ends. Returns how many were used. */
static size_t feed_head(struct conn *c, const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && c->phase == HEAD && c->head_n < HEAD_MAX - 1) {
        c->head[c->head_n++] = p[i++];
        if (c->head_n >= 4 && memcmp(c->head + c->head_n - 4, "\r\n\r\n", 4) == 0) {
            c->head[c->head_n] = '\0';
            read_head(c);
        }
    }
    return i;
}

static void conn_eof(struct conn *c, uint64_t now)
{
    if (c->phase == BODY && c->framing == UNTIL_CLOSE) {
        answer_over(c, now);
        return;
    }
    /* A kept connection that the server closed between two requests is no error of the server. */
    if (!opt.streams && !c->fresh && (c->phase == HEAD || c->phase == SEND) && c->head_n == 0) {
        reconnects++;
        started--;
        conn_drop(c);
        conn_open(c, now);
        return;
    }
    incomplete++;
    request_failed(c);
    if (!opt.streams && may_start_more(now)) {
        conn_open(c, now);
    }
}

static void conn_feed(struct conn *c, const char *p, size_t n, uint64_t now)
{
    while (n > 0 || (c->phase == BODY && c->framing == LENGTH && c->left == 0)) {
        size_t used = 0;
        if (c->phase == HEAD) {
            used = feed_head(c, p, n);
            if (used == 0) {
                request_failed(c);
                return;
            }
        } else if (c->phase == BODY) {
            if (feed_body(c, p, n, &used, now)) {
                answer_over(c, now);
            }
        } else {
            return; /* bytes that nobody asked for */
        }
        p += used;
        n -= used;
    }
}

static void conn_read(struct conn *c, bool peer_closing)
{
    static char in[262144];
    while (c->phase == HEAD || c->phase == BODY || c->phase == SEND) {
        ssize_t n = recv(c->fd, in, sizeof(in), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        uint64_t now = now_ns();
        if (n <= 0) {
            conn_eof(c, now);
            return;
        }
        if (c->phase == SEND) {
            c->phase = HEAD; /* an early answer */
        }
        conn_feed(c, in, (size_t)n, now);
        if ((size_t)n < sizeof(in) && !peer_closing) {
            return; /* the queue is empty: what comes later is a new edge */
        }
    }
}

static void conn_event(struct conn *c, uint32_t what)
{
    if (c->phase == CONNECT) {
        int failed = 0;
        socklen_t len = sizeof(failed);
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failed, &len);
        if (failed) {
            errno = failed;
            fprintf(stderr, "load: connect: %s\n", strerror(failed));
            request_failed(c);
            return;
        }
        if (what & EPOLLOUT) {
            uint64_t scheduled = c->start_ns;
            begin_request(c, now_ns());
            c->start_ns = opt.streams ? scheduled : c->start_ns;
            started -= opt.streams ? 1 : 0;
        }
    }
    if (c->phase == SEND) {
        conn_send(c);
    }
    if (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        conn_read(c, (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
    }
}

/* --- the schedule of streams --- */

static uint64_t due_of(uint64_t index)
{
    return start_ns + (opt.rate ? index * SECOND_NS / opt.rate : 0);
}

static struct conn *idle_conn(void)
{
    static uint64_t hint;
    for (uint64_t i = 0; i < opt.connections; i++) {
        hint = (hint + 1) % opt.connections;
        if (conns[hint].phase == IDLE) {
            return &conns[hint];
        }
    }
    return NULL;
}

/* Opens what is due; at most a batch per turn, so that answers are read in between. */
static void start_due(void)
{
    uint64_t now = now_ns();
    for (int batch = 0; batch < 64 && may_start_more(now) && due_of(started) <= now; batch++) {
        struct conn *c = open_count < opt.connections ? idle_conn() : NULL;
        if (!c) {
            break;
        }
        conn_open(c, opt.rate ? due_of(started) : now);
        started++;
    }
    struct itimerspec when = {0};
    if (may_start_more(now) && open_count < opt.connections) {
        uint64_t due = due_of(started) > now ? due_of(started) : now + 1;
        when.it_value.tv_sec = (time_t)(due / SECOND_NS);
        when.it_value.tv_nsec = (long)(due % SECOND_NS);
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static bool all_done(uint64_t now)
{
    if (stopping) {
        return true;
    }
    return !may_start_more(now) && open_count == 0;
}

static void stop(int signum)
{
    (void)signum;
    stopping = 1;
}

static void run(void)
{
    struct epoll_event ready[256];
    bool told = false;
    start_ns = now_ns();
    end_ns = start_ns;
    for (uint64_t i = 0; !opt.streams && i < opt.connections && i < opt.count; i++) {
        conn_open(&conns[i], start_ns);
    }
    for (uint64_t now = start_ns; !all_done(now); now = now_ns()) {
        if (now - start_ns > opt.timeout * SECOND_NS) {
            fprintf(stderr, "load: timed out with %llu open\n", (unsigned long long)open_count);
            errors += open_count;
            incomplete += open_count;
            break;
        }
        if (opt.streams) {
            start_due();
        }
        if (opt.hold && !told && firsts == opt.count) {
            told = true;
            printf("ready %llu\n", (unsigned long long)firsts);
            fflush(stdout);
        }
        int n = epoll_wait(epoll_fd, ready, 256, 200);
        for (int i = 0; i < n; i++) {
            struct conn *c = ready[i].data.ptr;
            uint64_t fired;
            if (!c) {
                (void)!read(timer_fd, &fired, sizeof(fired));
            } else if (c->phase != IDLE) {
                conn_event(c, ready[i].events);
            }
        }
    }
    end_ns = opt.streams ? now_ns() : end_ns;
}

/* --- start and end --- */

static char *read_file(const char *name, size_t *n)
{
    FILE *f = fopen(name, "rb");
    char *p = malloc((size_t)64 << 20);
    if (!f || !p) {
        die(name);
    }
    *n = fread(p, 1, (size_t)64 << 20, f);
    fclose(f);
    return p;
}

static void build_request(void)
{
    size_t body_n = 0;
    char *body = opt.body_file ? read_file(opt.body_file, &body_n) : NULL;
    char *head = NULL;
    size_t head_n = 0;
    FILE *out = open_memstream(&head, &head_n);
    if (!out) {
        die("memory");
    }
    fprintf(out, "%s %s HTTP/1.1\r\nHost: %s:%u\r\n", body ? "POST" : "GET", opt.path, opt.host,
            (unsigned)opt.port);
    for (size_t i = 0; i < opt.header_count; i++) {
        fprintf(out, "%s\r\n", opt.headers[i]);
    }
    if (body) {
        fprintf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_n);
    }
    fprintf(out, "\r\n");
    fclose(out);
    request_n = head_n + body_n;
    request = malloc(request_n);
    if (!request) {
        die("memory");
    }
    memcpy(request, head, head_n);
    if (body) {
        memcpy(request + head_n, body, body_n);
    }
    free(head);
    free(body);
}

static void print_result(void)
{
    double seconds = (double)(end_ns - start_ns) / 1e9;
    uint64_t good = finished > errors ? finished - errors : 0;
    printf(
        "{\"mode\":\"%s\",\"seconds\":%.3f,\"finished\":%llu,\"errors\":%llu,\"per_second\":%.1f",
        opt.streams ? "streams" : "requests", seconds, (unsigned long long)finished,
        (unsigned long long)errors, seconds > 0 ? (double)good / seconds : 0);
    printf(",\"bytes\":%llu,\"reconnects\":%llu,\"bad_status\":%u", (unsigned long long)bytes,
           (unsigned long long)reconnects, last_bad_status);
    if (opt.streams) {
        printf(",\"peak_open\":%llu,\"events\":%llu,\"disordered\":%llu,\"incomplete\":%llu",
               (unsigned long long)open_peak, (unsigned long long)events,
               (unsigned long long)disordered, (unsigned long long)incomplete);
        print_histogram("first_event", &latency);
        print_histogram("gap", &gap);
        print_histogram("delay", &delay);
    } else {
        print_histogram("latency", &latency);
    }
    puts("}");
}

static void usage(int status)
{
    fputs("usage: load requests|streams --port N [options]\n"
          "  --host IPV4        default 127.0.0.1\n"
          "  --path PATH        default /v1/messages\n"
          "  --body FILE        POST this as JSON; without it a GET\n"
          "  --header 'A: b'    up to 24 times\n"
          "  --connections N    at once (requests: in the closed loop; streams: the most that may "
          "be open)\n"
          "  --count N          requests or streams in all\n"
          "  --seconds N        instead of --count\n"
          "  --timeout N        seconds; what is open then counts as an error (default 120)\n"
          "streams:\n"
          "  --rate N           starts per second, on a fixed schedule (default: all at once)\n"
          "  --events N         marks that a whole stream has\n"
          "  --dialect D        anthropic (default) or openai: how a stream ends\n"
          "  --hold             say \"ready N\" when every stream had its first event; stay until "
          "SIGTERM\n",
          status ? stderr : stdout);
    exit(status);
}

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        usage(2);
    }
    return v;
}

static bool number_option(const char *name, const char *value)
{
    const struct {
        const char *name;
        uint64_t *to;
    } numbers[] = {
        {"--connections", &opt.connections}, {"--count", &opt.count},
        {"--seconds", &opt.seconds},         {"--rate", &opt.rate},
        {"--events", &opt.events},           {"--timeout", &opt.timeout},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].to = number(value);
            return true;
        }
    }
    return false;
}

static void read_options(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        usage(argc < 2 ? 2 : 0);
    }
    opt.streams = strcmp(argv[1], "streams") == 0;
    if (!opt.streams && strcmp(argv[1], "requests") != 0) {
        usage(2);
    }
    for (int i = 2; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--hold") == 0) {
            opt.hold = true;
            continue;
        }
        const char *value = ++i < argc ? argv[i] : NULL;
        if (!value) {
            usage(2);
        } else if (strcmp(name, "--port") == 0) {
            opt.port = (uint16_t)number(value);
        } else if (strcmp(name, "--host") == 0) {
            opt.host = value;
        } else if (strcmp(name, "--path") == 0) {
            opt.path = value;
        } else if (strcmp(name, "--body") == 0) {
            opt.body_file = value;
        } else if (strcmp(name, "--dialect") == 0) {
            opt.dialect = value;
        } else if (strcmp(name, "--header") == 0 && opt.header_count < HEADERS_MAX) {
            opt.headers[opt.header_count++] = value;
        } else if (!number_option(name, value)) {
            usage(2);
        }
    }
    if (opt.port == 0 || opt.connections == 0) {
        usage(2);
    }
}

static void prepare(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    address.sin_family = AF_INET;
    address.sin_port = htons(opt.port);
    if (inet_pton(AF_INET, opt.host, &address.sin_addr) != 1) {
        usage(2);
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    conns = calloc(opt.connections, sizeof(*conns));
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_fd < 0 || timer_fd < 0 || !conns ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &ev) != 0) {
        die("prepare");
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    build_request();
    prepare();
    run();
    print_result();
    return errors > 0 || disordered > 0 ? 1 : 0;
}

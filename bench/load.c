/* Publishes prepared messages as fast as the broker acknowledges them and counts the receipts that
 * come back: many phones in one thread. It speaks MQTT 3.1.1 by itself, because on a machine of few
 * processors a client library would cost more than the programs that are to be measured. */
#include "messages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STALL_S 180
#define PACKET_SIZE_MAX (2u * 1024 * 1024)
#define LATENCIES_MAX (1u << 20)

enum packet { CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBACK = 9 };

struct connection {
    int fd;
    const struct bench_phone *phone;
    size_t next; /* message to publish */
    size_t in_flight;
    bool subscribed;
    struct buf out;
    size_t out_at;
    struct buf in;
};

struct load {
    const char *county;
    struct bench_phones phones;
    struct bench_phone bare; /* the server's user, when there is a bare subscriber in its place */
    struct bench_message *messages;
    size_t message_count;
    size_t window;
    double rate; /* messages a second, 0 = as fast as acknowledged */
    struct connection *connections;
    size_t connection_count;
    int epoll;
    size_t subscribed, acked, published;
    size_t stored, other; /* receipts */
    double start_s, acked_s, last_s;
    double *sent_s; /* by message */
    uint32_t *latencies;
    size_t latency_count;
};

/* ---- packets -------------------------------------------------------------------------------- */

static void add_header(struct buf *out, unsigned char first, size_t size) {
    buf_add_char(out, (char)first);
    do {
        unsigned char b = size & 0x7f;
        size >>= 7;
        buf_add_char(out, (char)(size ? b | 0x80 : b));
    } while (size);
}

static void add_short(struct buf *out, size_t v) {
    buf_add_char(out, (char)(v >> 8 & 0xff));
    buf_add_char(out, (char)(v & 0xff));
}

static void add_text(struct buf *out, const char *text) {
    add_short(out, strlen(text));
    buf_add_str(out, text);
}

static void send_connect(struct connection *c) {
    const struct bench_phone *p = c->phone;
    add_header(&c->out, 0x10, 10 + 6 + 2 * strlen(p->device) + strlen(p->password));
    add_text(&c->out, "MQTT");
    buf_add_char(&c->out, 4);
    buf_add_char(&c->out, (char)0xc2); /* user name, password, clean session */
    add_short(&c->out, 0);             /* no keep-alive: it may wait long for receipts */
    add_text(&c->out, p->device);
    add_text(&c->out, p->device);
    add_text(&c->out, p->password);
}

static void send_subscribe(const struct load *l, struct connection *c) {
    char topic[128];
    if (c->phone == &l->bare)
        snprintf(topic, sizeof topic, "zf/1/%s/up/+/records", l->county);
    else
        snprintf(topic, sizeof topic, "zf/1/%s/down/%s/receipts", l->county, c->phone->device);
    add_header(&c->out, 0x82, 2 + 2 + strlen(topic) + 1);
    add_short(&c->out, 1);
    add_text(&c->out, topic);
    buf_add_char(&c->out, 1);
}

static void send_message(struct load *l, struct connection *c) {
    const struct bench_message *m = &l->messages[c->next];
    char topic[128];
    snprintf(topic, sizeof topic, "zf/1/%s/up/%s/records", l->county, c->phone->device);
    add_header(&c->out, 0x32, 2 + strlen(topic) + 2 + m->size);
    add_text(&c->out, topic);
    add_short(&c->out, c->next / l->phones.count % 60000 + 1);
    buf_add(&c->out, m->payload, m->size);
    l->sent_s[c->next] = bench_seconds();
    c->next += l->phones.count;
    c->in_flight++;
    l->published++;
}

/* ---- what comes ----------------------------------------------------------------------------- */

static size_t count_of(const char *text, size_t size, const char *what) {
    size_t n = 0;
    size_t length = strlen(what);
    const char *end = text + size;
    while ((text = memmem(text, (size_t)(end - text), what, length)) != NULL) {
        n++;
        text += length;
    }
    return n;
}

/* The greatest seq of the receipt tells which message it answers, when each has one record. */
static void note_latency(struct load *l, size_t phone, const char *text, size_t size, double now) {
    const char *end = text + size;
    while ((text = memmem(text, (size_t)(end - text), "\"seq\":", 6)) != NULL) {
        text += 6;
        size_t seq = strtoul(text, NULL, 10);
        size_t i = phone + (seq - 1) * l->phones.count;
        if (seq && i < l->message_count && l->latency_count < LATENCIES_MAX)
            l->latencies[l->latency_count++] = (uint32_t)((now - l->sent_s[i]) * 1e6);
    }
}

/* The phone that an up/{device}/records topic names. */
static size_t phone_of(const struct load *l, const char *topic, size_t size) {
    for (size_t i = 0; i < l->phones.count; i++) {
        const char *device = l->phones.list[i].device;
        if (memmem(topic, size, device, strlen(device)))
            return i;
    }
    return 0;
}

/* What the bare subscriber hears: the records themselves. */
static void take_bare(struct load *l, const char *topic, size_t topic_size, const char *text,
                      size_t size) {
    l->last_s = bench_seconds();
    l->stored++;
    note_latency(l, phone_of(l, topic, topic_size), text, size, l->last_s);
}

static void take_publish(struct load *l, struct connection *c, unsigned char first,
                         const unsigned char *p, size_t size) {
    size_t topic = (size_t)p[0] << 8 | p[1];
    size_t at = 2 + topic;
    double now = bench_seconds();
    if (first & 6) {
        add_header(&c->out, 0x40, 2);
        buf_add(&c->out, p + at, 2);
        at += 2;
    }
    const char *text = (const char *)p + at;
    if (c->phone == &l->bare) {
        take_bare(l, (const char *)p + 2, topic, text, size - at);
        return;
    }
    size_t all = count_of(text, size - at, "\"outcome\":");
    size_t stored = count_of(text, size - at, "\"outcome\":\"stored\"");
    if (all > stored && l->other == 0)
        fprintf(stderr, "not stored: %.*s\n", (int)(size - at < 600 ? size - at : 600), text);
    l->stored += stored;
    l->other += all - stored;
    l->last_s = now;
    if (l->latencies)
        note_latency(l, (size_t)(c - l->connections), text, size - at, now);
}

static void take_packet(struct load *l, struct connection *c, unsigned char first,
                        const unsigned char *p, size_t size) {
    switch (first >> 4) {
    case CONNACK:
        if (p[1]) {
            fprintf(stderr, "%s: the broker refuses the connection (%d)\n", c->phone->device, p[1]);
            exit(1);
        }
        send_subscribe(l, c);
        return;
    case SUBACK:
        c->subscribed = true;
        l->subscribed++;
        return;
    case PUBACK:
        c->in_flight--;
        l->acked++;
        l->acked_s = bench_seconds();
        return;
    case PUBLISH:
        take_publish(l, c, first, p, size);
        return;
    default:
        return;
    }
}

static void read_connection(struct load *l, struct connection *c) {
    char *to = buf_reserve(&c->in, 65536);
    ssize_t n = to ? read(c->fd, to, 65536) : -1;
    if (n <= 0) {
        fprintf(stderr, "%s: connection lost\n", c->phone->device);
        exit(1);
    }
    c->in.size += (size_t)n;
    size_t at = 0;
    for (;;) {
        const unsigned char *p = (const unsigned char *)c->in.data + at;
        size_t left = c->in.size - at;
        size_t size = 0;
        size_t head = 1;
        for (unsigned shift = 0; head < left; shift += 7) {
            size |= (size_t)(p[head] & 0x7f) << shift;
            if (!(p[head++] & 0x80)) {
                shift = 99;
                break;
            }
        }
        if (left < 2 || (p[head - 1] & 0x80) || left < head + size)
            break;
        take_packet(l, c, p[0], p + head, size);
        at += head + size;
    }
    memmove(c->in.data, c->in.data + at, c->in.size - at);
    c->in.size -= at;
}

/* ---- what goes ------------------------------------------------------------------------------ */

static size_t allowed(const struct load *l) {
    if (l->rate <= 0)
        return l->message_count;
    return (size_t)((bench_seconds() - l->start_s) * l->rate) + 1;
}

static void write_connection(struct load *l, struct connection *c) {
    bool started = l->start_s > 0;
    size_t most = l->rate > 0 ? 1 : l->window; /* at a fixed rate they take turns */
    while (started && most-- > 0 && c->in_flight < l->window && c->next < l->message_count &&
           l->published < allowed(l) && c->out.size < 1024 * 1024)
        send_message(l, c);
    while (c->out_at < c->out.size) {
        ssize_t n = send(c->fd, c->out.data + c->out_at, c->out.size - c->out_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n < 0) {
            perror("send");
            exit(1);
        }
        c->out_at += (size_t)n;
    }
    bool blocked = c->out_at < c->out.size;
    if (!blocked) {
        buf_clear(&c->out);
        c->out_at = 0;
    }
    struct epoll_event ev = {.events = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
    epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void open_connection(struct load *l, size_t i, int port) {
    struct connection *c = &l->connections[i];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool bare = i == l->phones.count; /* behind the phones; publishes nothing */
    c->phone = bare ? &l->bare : &l->phones.list[i];
    c->next = bare ? l->message_count : i;
    buf_init(&c->out, PACKET_SIZE_MAX * 4);
    buf_init(&c->in, PACKET_SIZE_MAX);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof a) != 0) {
        perror("connect");
        exit(1);
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev);
    send_connect(c);
    write_connection(l, c);
}

/* False when nothing came for too long. */
static bool turn(struct load *l) {
    struct epoll_event events[64];
    static double last_event_s;
    static size_t next_connection; /* whose turn it is at a fixed rate */
    int n = epoll_wait(l->epoll, events, 64, l->rate > 0 ? 1 : 1000);
    double now = bench_seconds();
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            read_connection(l, c);
        write_connection(l, c);
    }
    for (size_t i = 0; l->rate > 0 && l->published < allowed(l) && i < l->phones.count; i++)
        write_connection(l, &l->connections[next_connection++ % l->phones.count]);
    if (n > 0 || last_event_s <= 0)
        last_event_s = now;
    return now - last_event_s < STALL_S;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_latencies(struct load *l) {
    if (!l->latency_count)
        return;
    qsort(l->latencies, l->latency_count, sizeof *l->latencies, compare);
    printf(",\"p50_us\":%u,\"p99_us\":%u", l->latencies[l->latency_count / 2],
           l->latencies[l->latency_count * 99 / 100]);
}

static int run(struct load *l, size_t receipts) {
    bool going = true;
    while (going && l->subscribed < l->connection_count)
        going = turn(l);
    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF)
        return 1;
    l->start_s = bench_seconds();
    for (size_t i = 0; i < l->phones.count && l->rate <= 0; i++)
        write_connection(l, &l->connections[i]);
    while (going && (l->acked < l->message_count || l->stored + l->other < receipts))
        going = turn(l);
    double end_s = receipts ? l->last_s : l->acked_s;
    printf("{\"messages\":%zu,\"stored\":%zu,\"other\":%zu,\"publish_s\":%.4f,\"s\":%.4f", l->acked,
           l->stored, l->other, l->acked_s - l->start_s, end_s - l->start_s);
    print_latencies(l);
    printf("}\n");
    return going && l->other == 0 ? 0 : 1;
}

/* --port N --county C --phones FILE --messages N --records K --seed X --time MS [--window 10]
 * [--receipts 1] [--rate R] [--bare PASSWORD]. With --bare there is no server: a
 * subscriber in this process hears the records in its place. Says "ready", waits for a line, then
 * publishes. */
int main(int argc, char **argv) {
    static struct load l;
    l.county = bench_option(argc, argv, "--county", NULL);
    bench_phones_read(bench_option(argc, argv, "--phones", NULL), &l.phones);
    struct bench_order order = {
        .seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10),
        .time_ms = strtoll(bench_option(argc, argv, "--time", NULL), NULL, 10),
        .messages = strtoul(bench_option(argc, argv, "--messages", NULL), NULL, 10),
        .records_each = strtoul(bench_option(argc, argv, "--records", "1"), NULL, 10)};
    bool receipts = *bench_option(argc, argv, "--receipts", "0") == '1';
    l.window = strtoul(bench_option(argc, argv, "--window", "10"), NULL, 10);
    l.rate = strtod(bench_option(argc, argv, "--rate", "0"), NULL);
    l.message_count = order.messages;
    l.messages = bench_messages_make(&l.phones, &order);
    l.sent_s = calloc(order.messages, sizeof *l.sent_s);
    const char *password = bench_option(argc, argv, "--bare", "");
    snprintf(l.bare.device, sizeof l.bare.device, "zoufang");
    snprintf(l.bare.password, sizeof l.bare.password, "%s", password);
    l.connection_count = l.phones.count + (*password != '\0');
    l.connections = calloc(l.connection_count, sizeof *l.connections);
    if (order.records_each == 1 && receipts)
        l.latencies = calloc(LATENCIES_MAX, sizeof *l.latencies);
    if (!l.sent_s || !l.connections)
        abort();
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    int port = atoi(bench_option(argc, argv, "--port", NULL));
    for (size_t i = 0; i < l.connection_count; i++)
        open_connection(&l, i, port);
    return run(&l, receipts ? order.messages * order.records_each : 0);
}

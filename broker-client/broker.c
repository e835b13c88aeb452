#include "broker.h"

#include "log.h"
#include "text_file.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS_MAX 60000 /* a large store takes a while to be read */
#define STOP_MS_MAX 10000
#define PROBE_MS 20
#define STEADY_US 2000000
#define RETRY_MS_MIN 200
#define RETRY_MS_MAX 10000
#define WORDS_SIZE 300

struct broker {
    char dir[PATH_MAX]; /* DIR/broker, absolute */
    int port;
    struct clock clock;
    pid_t pid; /* 0: not running */
    int pidfd;
    int64_t started_us;
    int64_t retry_at_us; /* when pid is 0 */
    int retry_ms;
};

void broker_write_settings(FILE *out) {
    fputs(
        "# Who may connect is in the password file, who may do what in the access list.\n"
        "per_listener_settings false\n"
        "allow_anonymous false\n"
        "# Room for a server that is away: beyond it Mosquitto acknowledges and drops. Not 0\n"
        "# (\"unlimited\"): then a refused publish disconnects its client.\n"
        "max_queued_messages 1000000\n"
        "max_queued_bytes 268435456\n"
        "max_inflight_messages 1000\n"
        "# More than the 256 KiB of the protocol, so that the server can answer what is too large\n"
        "# instead of a connection that breaks again and again.\n"
        "max_packet_size 1048576\n"
        "set_tcp_nodelay true\n"
        "persistence true\n"
        "autosave_interval 30\n"
        "# Sessions of 3.1.1 clients that never come back.\n"
        "persistent_client_expiration 60d\n",
        out);
}

static bool conf_write(const struct broker *b, struct err *e) {
    struct text_file f;
    const struct passwd *user = getpwuid(geteuid());
    if (!text_file_open(&f, b->dir, "mosquitto.conf", e))
        return false;
    fprintf(f.out, "# Written by zoufang at every start.\n");
    broker_write_settings(f.out);
    fprintf(f.out, "persistence_location %s/\npid_file %s/mosquitto.pid\n", b->dir, b->dir);
    fprintf(f.out, "password_file %s/passwd\nacl_file %s/acl\n", b->dir, b->dir);
    if (user)
        fprintf(f.out, "user %s\n", user->pw_name);
    fputs("log_dest stderr\nlog_timestamp_format %Y-%m-%dT%H:%M:%S\nlog_type error\n"
          "log_type warning\nlog_type notice\nconnection_messages false\n",
          f.out);
    fprintf(f.out, "listener %d 127.0.0.1\nuse_username_as_clientid true\n", b->port);
    fprintf(f.out,
            "listener %d 127.0.0.1\nprotocol websockets\n"
            "use_username_as_clientid true\n",
            b->port + 1);
    return text_file_commit(&f, e);
}

/* ---- processes --------------------------------------------------------------------------------
 */

static int pidfd_open_cloexec(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by definition */
}

/* Whether a process ended, a child of ours or not. */
static bool has_ended(pid_t pid) {
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        return info.si_pid == pid;
    return kill(pid, 0) != 0;
}

/* For systems (and valgrind) that know no pidfd: asks every few milliseconds. */
static bool process_poll(pid_t pid, int timeout_ms) {
    for (int ms = 0; !has_ended(pid); ms += PROBE_MS) {
        if (ms >= timeout_ms)
            return false;
        poll(NULL, 0, PROBE_MS);
    }
    return true;
}

/* True when the process ended within the time. */
static bool process_wait(pid_t pid, int pidfd, int timeout_ms) {
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    if (pidfd < 0)
        return process_poll(pid, timeout_ms);
    int rc;
    do
        rc = poll(&p, 1, timeout_ms);
    while (rc < 0 && errno == EINTR);
    return rc > 0;
}

/* In the child; does not return. */
static void child_run(const char *conf, const char *log_path, pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(0); /* the parent ended before prctl */
    int null = open("/dev/null", O_RDONLY);
    int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(127);
    close_range(3, ~0u, 0);
    execlp("mosquitto", "mosquitto", "-c", conf, (char *)NULL);
    execl("/usr/sbin/mosquitto", "mosquitto", "-c", conf, (char *)NULL);
    static const char text[] = "mosquitto cannot be run: is it installed?\n";
    ssize_t done = write(2, text, sizeof text - 1);
    _exit(done < 0 ? 126 : 127);
}

static bool spawn(struct broker *b, struct err *e) {
    char conf[PATH_MAX + 32];
    char log_path[PATH_MAX + 32];
    snprintf(conf, sizeof conf, "%s/mosquitto.conf", b->dir);
    snprintf(log_path, sizeof log_path, "%s/mosquitto.log", b->dir);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return err_set(e, ERR_IO, "cannot start mosquitto: %s", strerror(errno));
    if (pid == 0)
        child_run(conf, log_path, parent);
    b->pid = pid;
    b->pidfd = pidfd_open_cloexec(pid);
    b->started_us = clock_mono_us(&b->clock);
    return true;
}

static void reap(struct broker *b) {
    waitpid(b->pid, NULL, 0);
    if (b->pidfd >= 0)
        close(b->pidfd);
    b->pid = 0;
    b->pidfd = -1;
}

static void end_process(int pidfd, pid_t pid) {
    kill(pid, SIGTERM);
    if (!process_wait(pid, pidfd, STOP_MS_MAX)) {
        kill(pid, SIGKILL);
        process_wait(pid, pidfd, STOP_MS_MAX);
    }
}

/* The last line of the broker's log, for messages. */
static void last_words(const struct broker *b, char out[WORDS_SIZE]) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/mosquitto.log", b->dir);
    snprintf(out, WORDS_SIZE, "its log is empty");
    FILE *in = fopen(path, "re");
    if (!in)
        return;
    if (fseek(in, -1024, SEEK_END) != 0)
        rewind(in);
    while (fgets(out, WORDS_SIZE, in))
        out[strcspn(out, "\n")] = 0;
    fclose(in);
}

/* ---- ports ------------------------------------------------------------------------------------
 */

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static bool port_is_free(int port) {
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    bool ok = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return ok;
}

static bool port_accepts(int port) {
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return ok;
}

static bool ports_check(const struct broker *b, struct err *e) {
    for (int port = b->port; port <= b->port + 1; port++)
        if (!port_is_free(port))
            return err_set(e, ERR_IO, "port %d on 127.0.0.1 is in use by another program", port);
    return true;
}

/* ---- a broker left behind ---------------------------------------------------------------------
 */

/* What /proc says of a process in `file`: the bytes read, 0 if it is not there. */
static size_t read_proc(pid_t pid, const char *file, char *out, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    FILE *in = fopen(path, "re");
    if (!in)
        return 0;
    size_t n = fread(out, 1, size, in);
    fclose(in);
    return n;
}

/* The process that DIR/mosquitto.pid names, if it is a Mosquitto; else 0. */
static pid_t find_in(const char *dir) {
    static const char wanted[] = "mosquitto\n";
    char path[PATH_MAX + 32];
    char name[32];
    long pid = 0;
    snprintf(path, sizeof path, "%s/mosquitto.pid", dir);
    FILE *in = fopen(path, "re");
    if (!in)
        return 0;
    bool found = fscanf(in, "%ld", &pid) == 1 && pid > 1;
    fclose(in);
    size_t size = found ? read_proc((pid_t)pid, "comm", name, sizeof name) : 0;
    return size == strlen(wanted) && memcmp(name, wanted, size) == 0 ? (pid_t)pid : 0;
}

/* Whether it runs DIR/mosquitto.conf: a private broker. */
static bool runs_conf_of(const char *dir, pid_t pid) {
    char conf[PATH_MAX + 32];
    char line[2 * PATH_MAX];
    snprintf(conf, sizeof conf, "%s/mosquitto.conf", dir);
    size_t size = read_proc(pid, "cmdline", line, sizeof line);
    return memmem(line, size, conf, strlen(conf) + 1) != NULL;
}

pid_t broker_find(const char *dir) {
    char path[PATH_MAX];
    char real[PATH_MAX];
    snprintf(path, sizeof path, "%s/broker", dir);
    return realpath(path, real) ? find_in(real) : 0;
}

static void end_orphan(const struct broker *b) {
    pid_t pid = find_in(b->dir);
    if (pid == 0 || !runs_conf_of(b->dir, pid))
        return;
    int pidfd = pidfd_open_cloexec(pid);
    log_line(LOG_INFO, "broker pid=%d left behind by an earlier server: ending it", (int)pid);
    end_process(pidfd, pid);
    if (pidfd >= 0)
        close(pidfd);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static bool await_accepting(struct broker *b, struct err *e) {
    int64_t deadline = clock_mono_us(&b->clock) + START_MS_MAX * INT64_C(1000);
    while (!port_accepts(b->port) || !port_accepts(b->port + 1)) {
        if (process_wait(b->pid, b->pidfd, PROBE_MS)) {
            char words[WORDS_SIZE];
            reap(b);
            last_words(b, words);
            return err_set(e, ERR_IO, "mosquitto ended at once: %s", words);
        }
        if (clock_mono_us(&b->clock) > deadline)
            return err_set(e, ERR_IO, "mosquitto does not accept connections on port %d", b->port);
    }
    return true;
}

struct broker *broker_start(const struct broker_options *options, struct err *e) {
    char path[PATH_MAX];
    struct broker *b = calloc(1, sizeof *b);
    if (!b) {
        err_set(e, ERR_LIMIT, "out of memory");
        return NULL;
    }
    b->port = options->port;
    b->clock = options->clock;
    b->pidfd = -1;
    b->retry_ms = RETRY_MS_MIN;
    snprintf(path, sizeof path, "%s/broker", options->dir);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        err_set(e, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    else if (!realpath(path, b->dir))
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (!err_is_set(e))
        end_orphan(b);
    if (err_is_set(e) || !conf_write(b, e) || !ports_check(b, e) || !spawn(b, e) ||
        !await_accepting(b, e)) {
        broker_stop(b);
        return NULL;
    }
    log_line(LOG_INFO, "broker pid=%d port=%d websockets=%d", (int)b->pid, b->port, b->port + 1);
    return b;
}

static int retry_in_ms(const struct broker *b) {
    int64_t left_us = b->retry_at_us - clock_mono_us(&b->clock);
    return left_us <= 0 ? 0 : (int)(left_us / 1000) + 1;
}

static void plan_restart(struct broker *b) {
    char words[WORDS_SIZE];
    bool at_once = clock_mono_us(&b->clock) - b->started_us < STEADY_US;
    int wait_ms = at_once ? b->retry_ms : 0;
    b->retry_ms = at_once ? b->retry_ms * 2 : RETRY_MS_MIN;
    if (b->retry_ms > RETRY_MS_MAX)
        b->retry_ms = RETRY_MS_MAX;
    b->retry_at_us = clock_mono_us(&b->clock) + wait_ms * INT64_C(1000);
    last_words(b, words);
    log_line(LOG_ERROR, "broker died: starting it again in_ms=%d last=\"%s\"", wait_ms, words);
}

int broker_poll(struct broker *b) {
    if (b->pid && process_wait(b->pid, b->pidfd, 0)) {
        reap(b);
        plan_restart(b);
    }
    if (b->pid)
        return -1;
    int wait_ms = retry_in_ms(b);
    if (wait_ms > 0)
        return wait_ms;
    struct err e = {0};
    if (spawn(b, &e)) {
        log_line(LOG_INFO, "broker pid=%d port=%d", (int)b->pid, b->port);
        return -1;
    }
    log_line(LOG_ERROR, "broker: %s", e.msg);
    b->retry_at_us = clock_mono_us(&b->clock) + RETRY_MS_MAX * INT64_C(1000);
    return RETRY_MS_MAX;
}

pid_t broker_pid(const struct broker *b) {
    return b->pid;
}

void broker_stop(struct broker *b) {
    if (!b)
        return;
    if (b->pid) {
        end_process(b->pidfd, b->pid);
        reap(b);
    }
    free(b);
}

/* The floor: what any server has to do with an upload, and nothing else.
 *
 * One thread, epoll, recv into one buffer, pwrite to a file; creations and offsets are in an array.
 * Just enough of tus for the benchmark's rows, for clients that do nothing wrong: no database, no
 * lease, no check of any field.
 *
 * floor PORT FOLDER
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, BUFFER_BYTES = 256 * 1024, EVENTS = 256 };

struct upload {
    long length, offset;
};

struct connection {
    int socket, file; /* file: that of the body being read, or written to the client; else -1 */
    long upload;      /* whose bytes these are */
    long left;        /* bytes of a request's body to come */
    long from, until; /* bytes of a download to go */
    int creates;      /* the body belongs to a POST */
    size_t filled;    /* bytes of a head that is not whole yet */
    char head[HEAD_BYTES + 1];
};

static struct upload *uploads;
static long upload_count, upload_room;
static const char *folder;
static int poll_fd;
static char buffer[BUFFER_BYTES];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* A field's value in a head, by its lower-case name with "\r\n" before and ":" behind; or NULL. */
static const char *field(const char *head, const char *name)
{
    const char *found = strcasestr(head, name);
    if (!found)
        return NULL;
    found += strlen(name);
    while (*found == ' ')
        found++;
    return found;
}

static long number(const char *head, const char *name, long otherwise)
{
    const char *value = field(head, name);
    return value ? atol(value) : otherwise;
}

static int open_file(long id, int flags)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%ld", folder, id);
    return open(path, flags | O_CLOEXEC, 0600);
}

static long create(long length)
{
    if (upload_count == upload_room) {
        upload_room = upload_room ? upload_room * 2 : 1024;
        uploads = realloc(uploads, upload_room * sizeof *uploads);
        if (!uploads)
            die("realloc");
    }
    uploads[upload_count] = (struct upload){.length = length};
    return upload_count++;
}

static void forget(struct connection *c)
{
    if (c->file >= 0)
        close(c->file);
    close(c->socket);
    free(c);
}

/* A whole answer at once: it is small, and the socket's buffer is empty. */
static void say(struct connection *c, const char *format, long one, long two, long three)
{
    char text[512];
    int length = snprintf(text, sizeof text, format, one, two, three);
    if (send(c->socket, text, length, MSG_NOSIGNAL) != length)
        fprintf(stderr, "an answer was not sent\n");
}

static void end_body(struct connection *c)
{
    close(c->file);
    c->file = -1;
    if (c->creates)
        say(c,
            "HTTP/1.1 201 Created\r\nTus-Resumable: 1.0.0\r\nLocation: /files/%ld\r\n"
            "Upload-Offset: %ld\r\nContent-Length: 0\r\n\r\n",
            c->upload, uploads[c->upload].offset, 0);
    else
        say(c, "HTTP/1.1 204 No Content\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: %ld\r\n\r\n",
            uploads[c->upload].offset, 0, 0);
}

static void take(struct connection *c, const char *bytes, long count)
{
    struct upload *upload = &uploads[c->upload];
    while (count) {
        ssize_t written = pwrite(c->file, bytes, count, upload->offset);
        if (written < 0)
            die("pwrite");
        upload->offset += written;
        c->left -= written;
        bytes += written;
        count -= written;
    }
    if (!c->left)
        end_body(c);
}

static void begin_download(struct connection *c)
{
    long length = uploads[c->upload].length, first = 0, last = length - 1;
    const char *range = field(c->head, "\r\nrange:");
    if (range)
        sscanf(range, "bytes=%ld-%ld", &first, &last);
    c->from = first;
    c->until = last + 1;
    c->file = open_file(c->upload, O_RDONLY);
    if (range)
        say(c,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %ld-%ld/%ld\r\n", first, last,
            length);
    else
        say(c, "HTTP/1.1 200 OK\r\n", 0, 0, 0);
    say(c, "Content-Length: %ld\r\n\r\n", c->until - c->from, 0, 0);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->socket, &event);
}

static int go_on_with_download(struct connection *c)
{
    ssize_t sent = sendfile(c->socket, c->file, &c->from, c->until - c->from);
    if (sent <= 0)
        return sent < 0 && errno == EAGAIN;
    if (c->from == c->until) {
        close(c->file);
        c->file = -1;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->socket, &event);
    }
    return 1;
}

/* A request whose head is whole; its body begins at `rest`, of which `count` bytes are there. */
static int begin(struct connection *c, const char *rest, size_t count)
{
    const char *path = strchr(c->head, ' ');
    const char *name = path ? strstr(path, "/files/") : NULL;
    if (!name)
        return 0;
    if (!strncmp(c->head, "OPTIONS", 7)) {
        say(c, "HTTP/1.1 204 No Content\r\nTus-Version: 1.0.0\r\n"
            "Tus-Extension: creation,creation-with-upload\r\n\r\n", 0, 0, 0);
        return 1;
    }
    c->creates = !strncmp(c->head, "POST", 4);
    c->upload = c->creates ? create(number(c->head, "\r\nupload-length:", 0)) : atol(name + 7);
    if (c->upload < 0 || c->upload >= upload_count)
        return 0;
    if (!strncmp(c->head, "GET", 3)) {
        begin_download(c);
        return 1;
    }
    if (!strncmp(c->head, "HEAD", 4)) {
        say(c,
            "HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: %ld\r\n"
            "Upload-Length: %ld\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n",
            uploads[c->upload].offset, uploads[c->upload].length, 0);
        return 1;
    }
    c->left = number(c->head, "\r\ncontent-length:", 0);
    c->file = open_file(c->upload, O_WRONLY | O_CREAT);
    if (c->file < 0)
        die("open");
    take(c, rest, count);
    return 1;
}

static int read_head(struct connection *c)
{
    ssize_t got = recv(c->socket, c->head + c->filled, HEAD_BYTES - c->filled, 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    c->filled += got;
    c->head[c->filled] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end)
        return c->filled < HEAD_BYTES;
    end += 4;
    size_t rest = c->filled - (end - c->head);
    end[-2] = 0;
    c->filled = 0;
    return begin(c, end, rest);
}

static int read_body(struct connection *c)
{
    long wanted = c->left < BUFFER_BYTES ? c->left : BUFFER_BYTES;
    ssize_t got = recv(c->socket, buffer, wanted, 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    take(c, buffer, got);
    return 1;
}

static int go_on(struct connection *c, unsigned events)
{
    if (events & EPOLLOUT)
        return go_on_with_download(c);
    return c->left ? read_body(c) : read_head(c);
}

static void welcome(int listener)
{
    int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0)
        return;
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *c = malloc(sizeof *c);
    if (!c)
        die("malloc");
    c->socket = socket;
    c->file = -1;
    c->left = 0;
    c->filled = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, socket, &event);
}

static int listen_at(int port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
        die("listen");
    return listener;
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "floor PORT FOLDER\n");
        return 2;
    }
    folder = arguments[2];
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_at(atoi(arguments[1]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                welcome(listener);
            else if (!go_on(c, events[i].events))
                forget(c);
        }
    }
}

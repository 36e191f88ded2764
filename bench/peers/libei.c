/* A C node on libei, as driver.exs expects its peers: it echoes calls and messages, and floods.
 *
 *     FLITCH_COOKIE=... libei NAME      (NAME@127.0.0.1; one thread, a peer at a time)
 *
 * It is what the erl_interface user's guide has as an example, without anything slow added: one
 * buffer in, one buffer out, nothing decoded but what it needs to answer. */

#include <arpa/inet.h>
#include <ei.h>
#include <ei_connect.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int listening(int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 5) < 0)
        fail("listen");
    if (getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        fail("getsockname");
    *port = ntohs(at.sin_port);
    return fd;
}

/* `{'$gen_call', {Pid, Tag}, {echo, Term}}`, the tag and the term going back as they came, behind
 * the tuple's header and the atom. */
static void answer_call(int fd, const char *in, int index, ei_x_buff *out) {
    int arity, tag, tag_end, term, term_end;
    char atom[MAXATOMLEN];
    erlang_pid from;
    if (ei_decode_tuple_header(in, &index, &arity) || ei_decode_pid(in, &index, &from))
        return;
    tag = tag_end = index;
    if (ei_skip_term(in, &tag_end))
        return;
    index = tag_end;
    if (ei_decode_tuple_header(in, &index, &arity) || arity != 2 ||
        ei_decode_atom(in, &index, atom))
        return;
    term = term_end = index;
    if (ei_skip_term(in, &term_end))
        return;
    out->index = 0;
    ei_x_encode_version(out);
    ei_x_encode_tuple_header(out, 2);
    ei_x_append_buf(out, in + tag, tag_end - tag);
    ei_x_append_buf(out, in + term, term_end - term);
    if (ei_send(fd, &from, out->buff, out->index) < 0)
        fail("ei_send");
}

/* `{echo, Pid, Term}` and `{flood, Pid, Count, Term}`, behind the tuple's header and the atom. */
static void send_back(int fd, const char *in, int index, int flood, ei_x_buff *out) {
    int end;
    long count = 1;
    erlang_pid to;
    if (ei_decode_pid(in, &index, &to) || (flood && ei_decode_long(in, &index, &count)))
        return;
    end = index;
    if (ei_skip_term(in, &end))
        return;
    out->index = 0;
    ei_x_encode_version(out);
    ei_x_append_buf(out, in + index, end - index);
    while (count-- > 0)
        if (ei_send(fd, &to, out->buff, out->index) < 0)
            fail("ei_send");
}

static void answer(int fd, const char *in, ei_x_buff *out) {
    int index = 0, version, arity;
    char atom[MAXATOMLEN];
    if (ei_decode_version(in, &index, &version) || ei_decode_tuple_header(in, &index, &arity) ||
        ei_decode_atom(in, &index, atom))
        return;
    if (!strcmp(atom, "$gen_call") && arity == 3)
        answer_call(fd, in, index, out);
    else if (!strcmp(atom, "echo") || !strcmp(atom, "flood"))
        send_back(fd, in, index, arity == 4, out);
}

int main(int count, char **words) {
    struct in_addr host = {.s_addr = htonl(INADDR_LOOPBACK)};
    char full[MAXNODELEN];
    ei_cnode node;
    ErlConnect peer;
    erlang_msg message;
    ei_x_buff in, out;
    const char *cookie = getenv("FLITCH_COOKIE");
    int port, listener = listening(&port);
    if (count != 2 || !cookie)
        return 2;
    snprintf(full, sizeof full, "%s@127.0.0.1", words[1]);
    ei_init();
    if (ei_connect_xinit(&node, "127.0.0.1", words[1], full, &host, cookie, 0) < 0)
        fail("ei_connect_xinit");
    if (ei_publish(&node, port) < 0)
        fail("ei_publish");
    ei_x_new(&in);
    ei_x_new(&out);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int fd = ei_accept(&node, listener, &peer), got;
        if (fd < 0)
            continue;
        while (in.index = 0, (got = ei_xreceive_msg(fd, &message, &in)) != ERL_ERROR)
            if (got == ERL_MSG)
                answer(fd, in.buff, &out);
        close(fd);
    }
}

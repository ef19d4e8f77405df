/* Links: both implementations must behave alike; violations drop them. */
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cm.h"

#include "server/link.h"

struct end { struct mst_link *l; unsigned frames, downs; size_t octets; uint64_t last_id; int fd; char why[64]; bool echo, free_inside; };
static bool gather;
static struct event_base *base;
static struct end a, b;
static uint64_t violations;

static void on_frame(void *owner, struct mst_link *l, const struct mst_frame *f, int fd)
{
	struct end *e = owner;

	e->frames++;
	e->octets += f->payload.n;
	e->last_id = f->id;
	if (fd >= 0)
		e->fd = fd;
	if (e->echo)
		assert_int_equal(mst_link_send(l, MST_FRAME_ANSWER, f->id, f->payload), 0);
	if (e->free_inside)
		e->l = mst_link_free(l);
}

static void on_down(void *owner, struct mst_link *l, const char *why)
{
	struct end *e = owner;

	(void)l;
	e->downs++;
	strncpy(e->why, why, sizeof(e->why) - 1);
}

static const struct mst_link_ops ops = { on_frame, on_down };

static struct mst_link_config conf_of(enum mst_process self, enum mst_process peer)
{
	return (struct mst_link_config){ .base = base, .self = self, .peer = peer, .frame_max = MST_FRAME_MAX,
		.queue_max = 4 * MST_FRAME_MAX, .violations = &violations, .gather = gather };
}

static void open_pair(bool memory, enum mst_process pa, enum mst_process pb, enum mst_phase phase)
{
	struct mst_link_config ca, cb;

	base = event_base_new();
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	a.fd = b.fd = -1;
	violations = 0;
	ca = conf_of(pa, pb);
	cb = conf_of(pb, pa);
	if (memory) {
		assert_int_equal(mst_link_memory(&ca, &cb, &a.l, &b.l), 0);
		mst_link_owner(a.l, &ops, &a);
		mst_link_owner(b.l, &ops, &b);
	} else {
		int fd[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
		assert_int_equal(mst_link_socket(&ca, fd[0], &ops, &a, &a.l), 0);
		assert_int_equal(mst_link_socket(&cb, fd[1], &ops, &b, &b.l), 0);
	}
	mst_link_phase(a.l, phase);
	mst_link_phase(b.l, phase);
}

static void close_pair(void)
{
	mst_link_free(a.l);
	mst_link_free(b.l);
	event_base_free(base);
}

static void turn(void)
{
	for (int i = 0; i < 50; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void both(void (*test)(bool memory))
{
	test(false);
	close_pair();
	test(true);
	close_pair();
	gather = true;
	test(false);
	close_pair();
	gather = false;
}

static void echoes(bool memory)
{
	static uint8_t big[300000];

	open_pair(memory, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
	b.echo = true;
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, i, (struct mst_view){ big, sizeof(big) }), 0);
	turn();
	assert_int_equal(b.frames, 3);
	assert_int_equal(a.frames, 3);
	assert_int_equal(a.octets, 3 * sizeof(big));
	assert_true(a.last_id == 3);
	assert_int_equal(mst_link_queued(a.l), 0);
	assert_int_equal(a.downs + b.downs, 0);
}

static void test_echo(void **state) { (void)state; both(echoes); }

static void forbidden_send(bool memory)
{
	open_pair(memory, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
	assert_int_equal(mst_link_send(a.l, MST_FRAME_KEEPER_CALL, 1, MST_VIEW_NONE), MST_LINK_FORBIDDEN);
	turn();
	assert_int_equal(a.downs, 1);
	assert_true(violations == 1);
	assert_int_equal(b.frames, 0);
	assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, 1, MST_VIEW_NONE), MST_FAULT_CLOSED);
}

static void test_forbidden_send(void **state) { (void)state; both(forbidden_send); }

/* The receiver looks too: a sender that has been taken over does not consult its own table. */
static void forbidden_receive(bool memory)
{
	open_pair(memory, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
	mst_link_phase(b.l, MST_PHASE_STARTING);
	assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, 1, MST_VIEW_NONE), 0);
	turn();
	assert_int_equal(b.frames, 0);
	assert_int_equal(b.downs, 1);
	assert_string_equal(b.why, "received against the permit table");
	assert_true(violations == 1);
}

static void test_forbidden_receive(void **state) { (void)state; both(forbidden_receive); }

static void full(bool memory)
{
	static uint8_t big[MST_FRAME_MAX - MST_FRAME_HEAD];
	int r = 0;

	open_pair(memory, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
	for (int i = 0; i < 20 && !r; i++)
		r = mst_link_send(a.l, MST_FRAME_EXCHANGE, 1, (struct mst_view){ big, sizeof(big) });
	assert_int_equal(r, MST_LINK_FULL);
	turn();
	assert_int_equal(a.downs, 0);       /* being full is no violation */
	assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, 1, MST_VIEW_NONE), 0);
}

static void test_full(void **state) { (void)state; both(full); }

static void far_end_goes(bool memory)
{
	open_pair(memory, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
	b.l = mst_link_free(b.l);
	turn();
	assert_int_equal(a.downs, 1);
	assert_string_equal(a.why, "closed");
}

static void test_far_end_goes(void **state) { (void)state; both(far_end_goes); }

static void freed_inside(bool memory)
{
	open_pair(memory, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
	b.free_inside = true;
	assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, 1, MST_VIEW_LIT("x")), 0);
	assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, 2, MST_VIEW_LIT("y")), 0);
	turn();
	assert_int_equal(b.frames, 1);
	assert_int_equal(a.downs, 1);
}

static void test_freed_inside(void **state) { (void)state; both(freed_inside); }

/* Something else where the socket was: what the kernel then says is a fault of this end, of which the other one knows nothing. */
static void test_fault_here(void **state)
{
	struct mst_link_config c;
	int fd[2], other[2];

	(void)state;
	for (int far = 0; far < 2; far++) {
		open_pair(true, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
		mst_link_free(a.l);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
		assert_int_equal(pipe2(other, O_CLOEXEC), 0);
		c = conf_of(MST_PROC_LISTENER, MST_PROC_ENGINE);
		assert_int_equal(mst_link_socket(&c, fd[0], &ops, &a, &a.l), 0);
		mst_link_phase(a.l, MST_PHASE_RUNNING);
		if (far)
			close(fd[1]);
		else
			assert_int_equal(dup2(other[1], fd[0]), fd[0]);
		assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, 1, MST_VIEW_LIT("x")), 0);
		mst_link_flush(a.l);
		turn();
		assert_int_equal(a.downs, 1);
		assert_int_equal(mst_link_broke(a.l), !far);
		if (!far)
			close(fd[1]);
		close(other[0]);
		close(other[1]);
		close_pair();
	}
}

static void test_garbage(void **state)
{
	struct mst_link_config c;
	int fd[2];

	(void)state;
	open_pair(true, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
	mst_link_free(a.l);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	c = conf_of(MST_PROC_ENGINE, MST_PROC_LISTENER);
	assert_int_equal(mst_link_socket(&c, fd[0], &ops, &a, &a.l), 0);
	assert_int_equal(write(fd[1], "\xff\xff\xff\xff\xff", 5), 5);
	turn();
	assert_int_equal(a.downs, 1);
	assert_true(violations == 1);
	close(fd[1]);
	close_pair();
}

/* What is said in one turn of the loop goes out at its end, or when it is much; who takes his leave has said it all. */
static void test_gathers(void **state)
{
	static uint8_t big[70000];
	struct pollfd there;
	int fd[2], peer;

	(void)state;
	gather = true;
	open_pair(true, MST_PROC_LISTENER, MST_PROC_ENGINE, MST_PHASE_RUNNING);
	mst_link_free(a.l);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(mst_link_socket(&(struct mst_link_config){ .base = base, .self = MST_PROC_LISTENER, .peer = MST_PROC_ENGINE,
		.frame_max = MST_FRAME_MAX, .queue_max = MST_FRAME_MAX, .gather = true }, fd[0], &ops, &a, &a.l), 0);
	mst_link_phase(a.l, MST_PHASE_RUNNING);
	peer = fd[1];
	there = (struct pollfd){ peer, POLLIN, 0 };
	for (uint64_t i = 1; i <= 40; i++)
		assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, i, MST_VIEW_LIT("x")), 0);
	assert_int_equal(poll(&there, 1, 0), 0);
	assert_int_equal(mst_link_queued(a.l), 40 * (MST_FRAME_HEAD + 1));
	turn();
	assert_int_equal(mst_link_queued(a.l), 0);
	assert_int_equal(read(peer, big, sizeof(big)), 40 * (MST_FRAME_HEAD + 1));
	assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, 41, (struct mst_view){ big, sizeof(big) }), 0);
	assert_int_equal(poll(&there, 1, 0), 1);
	for (size_t n = 0; n < sizeof(big) + MST_FRAME_HEAD;) {
		ssize_t k = read(peer, big, sizeof(big));

		assert_true(k > 0);
		n += (size_t)k;
	}
	assert_int_equal(mst_link_send(a.l, MST_FRAME_EXCHANGE, 42, MST_VIEW_LIT("last")), 0);
	assert_int_equal(poll(&there, 1, 0), 0);
	a.l = mst_link_free(a.l);
	assert_int_equal(read(peer, big, sizeof(big)), MST_FRAME_HEAD + 4);
	assert_int_equal(read(peer, big, sizeof(big)), 0);
	close(peer);
	gather = false;
	close_pair();
}

static void test_passes_sockets(void **state)
{
	int p[2];
	char ch = 0;

	(void)state;
	open_pair(false, MST_PROC_SUPERVISOR, MST_PROC_ENGINE, MST_PHASE_STARTING);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(mst_link_send(a.l, MST_FRAME_CONF, 0, MST_VIEW_LIT("before")), 0);
	assert_int_equal(mst_link_send_fd(a.l, MST_FRAME_LINK, 0, MST_VIEW_LIT("x"), p[1]), 0);
	assert_int_equal(mst_link_send(a.l, MST_FRAME_START, 0, MST_VIEW_NONE), 0);
	close(p[1]);
	turn();
	assert_int_equal(b.frames, 3);
	assert_true(b.fd >= 0);
	assert_int_equal(fcntl(b.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(write(b.fd, "!", 1), 1);
	assert_int_equal(read(p[0], &ch, 1), 1);
	assert_int_equal(ch, '!');
	close(b.fd);
	close(p[0]);
	close_pair();
}

static void *answerer(void *arg)
{
	int fd = *(int *)arg;
	uint8_t in[64], out[64];
	struct mst_writer w = mst_writer_of(out, sizeof(out));
	ssize_t n = read(fd, in, sizeof(in));
	struct mst_frame f;
	size_t used;

	assert_int_equal(mst_frame_get((struct mst_view){ in, (size_t)n }, 64, &f, &used), 0);
	mst_frame_put(&w, MST_FRAME_KEEPER_ANSWER, f.id, f.payload);
	assert_int_equal(write(fd, out, 3), 3);         /* in pieces */
	assert_int_equal(write(fd, out + 3, w.n - 3), (ssize_t)(w.n - 3));
	return NULL;
}

static void test_call(void **state)
{
	struct mst_call *c;
	uint8_t out[16];
	pthread_t t;
	size_t n = 0;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(mst_call_new(&mst_call_keeper, fd[0], 2000, &c), 0);
	assert_int_equal(pthread_create(&t, NULL, answerer, &fd[1]), 0);
	assert_int_equal(mst_call(c, MST_VIEW_LIT("hello"), out, sizeof(out), &n), 0);
	pthread_join(t, NULL);
	assert_int_equal(n, 5);
	assert_memory_equal(out, "hello", 5);
	close(fd[1]);
	assert_int_equal(mst_call(c, MST_VIEW_LIT("hello"), out, sizeof(out), &n), MST_FAULT_CLOSED);
	assert_int_equal(mst_call(c, MST_VIEW_LIT("hello"), out, sizeof(out), &n), MST_FAULT_CLOSED);
	mst_call_free(c);
}

static void test_call_deadline(void **state)
{
	struct mst_call *c;
	uint8_t out[16];
	size_t n;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(mst_call_new(&mst_call_keeper, fd[0], 30, &c), 0);
	assert_int_equal(mst_call(c, MST_VIEW_LIT("hello"), out, sizeof(out), &n), MST_FAULT_IO);
	/* a late answer must not be taken for that of the next question */
	assert_int_equal(mst_call(c, MST_VIEW_LIT("hello"), out, sizeof(out), &n), MST_FAULT_CLOSED);
	close(fd[1]);
	mst_call_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo), cmocka_unit_test(test_forbidden_send), cmocka_unit_test(test_forbidden_receive),
		cmocka_unit_test(test_full), cmocka_unit_test(test_far_end_goes), cmocka_unit_test(test_freed_inside),
		cmocka_unit_test(test_fault_here), cmocka_unit_test(test_garbage), cmocka_unit_test(test_gathers), cmocka_unit_test(test_passes_sockets), cmocka_unit_test(test_call),
		cmocka_unit_test(test_call_deadline),
	};

	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}

/* A card behind a modem: AT+CSIM (3GPP TS 27.007 8.17). The modem's port is a terminal; lines end in CR, LF or both. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"
#include "secenv/at.h"
#include "secenv/card.h"

struct at_port {
	struct mst_card_port port;
	int fd;
	unsigned timeout_ms;
	struct mst_at at;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int broken(struct mst_diag *d, const char *words)
{
	mst_diag_set(d, 0, "modem", words, NULL);
	return MST_CARD_NO_READER;
}

static int wait_for(struct at_port *p, short events, int64_t until, struct mst_diag *d)
{
	struct pollfd f = { p->fd, events, 0 };
	int64_t left;
	int r;

	do {
		left = until - now_ms();
		r = poll(&f, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return broken(d, "the modem did not answer in time: is this its AT port?");
	if (r < 0)
		return MST_FAULT_IO;
	return 0;
}

static int send_line(struct at_port *p, const char *line, int64_t until, struct mst_diag *d)
{
	size_t n = strlen(line), sent = 0;

	while (sent < n) {
		ssize_t got;
		int r = wait_for(p, POLLOUT, until, d);

		if (r)
			return r;
		got = write(p->fd, line + sent, n - sent);
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return broken(d, strerror(errno));
		sent += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* What the modem says next goes behind what is held. */
static int receive(struct at_port *p, int64_t until, struct mst_diag *d)
{
	int r = wait_for(p, POLLIN, until, d);
	ssize_t got;

	if (r)
		return r;
	got = read(p->fd, p->at.held + p->at.n_held, sizeof(p->at.held) - p->at.n_held);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		return broken(d, got == 0 ? "the modem's port was closed" : strerror(errno));
	p->at.n_held += got > 0 ? (size_t)got : 0;
	return 0;
}

/* One command; the line that begins with `want` is left in p->at.answer. 0 at OK, NO_CARD at an error: the caller has the words. */
static int command(struct at_port *p, const char *line, const char *want, struct mst_diag *d)
{
	int64_t until = now_ms() + p->timeout_ms;
	enum mst_at_end end = MST_AT_MORE;
	int r;

	mst_at_expect(&p->at, want);
	r = send_line(p, line, until, d);
	while (!r && (end = mst_at_read(&p->at)) == MST_AT_MORE)
		r = receive(p, until, d);
	if (r || end == MST_AT_OK)
		return r;
	if (end == MST_AT_REFUSED)
		return MST_CARD_NO_CARD;
	return broken(d, end == MST_AT_TOO_LONG ? "a line of the modem is too long for an answer" : "the modem talks, but does not answer");
}

static int at_transmit(struct mst_card_port *port, struct mst_view apdu, uint8_t *out, size_t *ret_n, struct mst_diag *d)
{
	struct at_port *p = (struct at_port *)port;
	char line[2 * MST_APDU_MAX + 32];
	uint8_t text[2 * MST_APDU_MAX + 1];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	size_t n = 0;
	int r;

	mst_put_hex(&w, apdu);
	mst_put_nul(&w);
	if (!w.ok)
		return MST_FAULT_BUG;
	snprintf(line, sizeof(line), "AT+CSIM=%zu,\"%s\"\r", 2 * apdu.n, (const char *)text);
	r = command(p, line, "+CSIM:", d);
	mst_wipe(line, sizeof(line));
	mst_wipe(text, sizeof(text));
	if (r == MST_CARD_NO_CARD)
		mst_diag_set(d, 0, "modem", "it refused AT+CSIM: no card, or it does not let programs speak to the card", NULL);
	if (!r && !mst_at_csim(p->at.answer, out, &n)) {
		mst_diag_set(d, 0, "modem", "its +CSIM line is no length and hex digits", NULL);
		r = MST_CARD_ODD;
	}
	if (!r)
		*ret_n = n;
	mst_wipe(&p->at, sizeof(p->at));
	return r;
}

static void at_close(struct mst_card_port *port)
{
	struct at_port *p = (struct at_port *)port;

	close(p->fd);
	free(p);
}

static const struct { unsigned baud; speed_t speed; } speeds[] = {
	{ 9600, B9600 }, { 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 }, { 115200, B115200 }, { 230400, B230400 },
	{ 460800, B460800 }, { 921600, B921600 },
};

static int raw(int fd, unsigned speed, struct mst_diag *d)
{
	struct termios t;

	if (tcgetattr(fd, &t))
		return broken(d, "this is no terminal");
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	for (size_t i = 0; speed && i < MST_COUNT(speeds); i++)
		if (speeds[i].baud == speed) {
			cfsetispeed(&t, speeds[i].speed);
			cfsetospeed(&t, speeds[i].speed);
			speed = 0;
		}
	if (speed)
		return broken(d, "the speed is none that a modem has: 9600 to 921600");
	if (tcsetattr(fd, TCSANOW, &t))
		return broken(d, strerror(errno));
	(void)tcflush(fd, TCIFLUSH);
	return 0;
}

int mst_card_at_open(const char *device, unsigned speed, unsigned timeout_ms, struct mst_card_port **ret_p, struct mst_diag *d)
{
	static const struct mst_card_port_ops ops = { "at", at_transmit, at_close };
	struct at_port *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return MST_FAULT_MEMORY;
	p->port.ops = &ops;
	p->timeout_ms = timeout_ms;
	p->fd = open(device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0) {
		mst_diag_set(d, 0, device, strerror(errno), NULL);
		free(p);
		return MST_CARD_NO_READER;
	}
	r = raw(p->fd, speed, d);
	if (!r)
		r = command(p, "ATE0\r", NULL, d);      /* no echo: an echoed command would be a line among the answers */
	if (r == MST_CARD_NO_CARD)
		r = broken(d, "it does not take AT commands: is this the modem's AT port?");
	if (r) {
		at_close(&p->port);
		return r;
	}
	*ret_p = &p->port;
	return 0;
}

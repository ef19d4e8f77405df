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
#include "secenv/card.h"

#define LINE_MAX_OCTETS 640      /* +CSIM: 516,"…": 516 hex digits and its words */
#define LINES_MAX 64             /* unsolicited lines between a command and its answer */

struct at_port {
	struct mst_card_port port;
	int fd;
	unsigned timeout_ms;
	char held[LINE_MAX_OCTETS];      /* received and not yet handed out as a line */
	size_t n_held;
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

/* The next line that is not empty, without its end. */
static int next_line(struct at_port *p, char out[LINE_MAX_OCTETS], int64_t until, struct mst_diag *d)
{
	for (;;) {
		size_t end = 0;
		ssize_t got;
		int r;

		while (end < p->n_held && p->held[end] != '\r' && p->held[end] != '\n')
			end++;
		if (end < p->n_held) {
			memcpy(out, p->held, end);
			out[end] = '\0';
			p->n_held -= end + 1;
			memmove(p->held, p->held + end + 1, p->n_held);
			if (end > 0)
				return 0;
			continue;
		}
		if (p->n_held == sizeof(p->held))
			return broken(d, "a line of the modem is too long for an answer");
		r = wait_for(p, POLLIN, until, d);
		if (r)
			return r;
		got = read(p->fd, p->held + p->n_held, sizeof(p->held) - p->n_held);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return broken(d, got == 0 ? "the modem's port was closed" : strerror(errno));
		p->n_held += got > 0 ? (size_t)got : 0;
	}
}

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* One command; the line that begins with `want` is left in `out`. 0 at OK, NO_CARD at an error: the caller has the words. */
static int command(struct at_port *p, const char *line, const char *want, char out[LINE_MAX_OCTETS], struct mst_diag *d)
{
	char got[LINE_MAX_OCTETS];
	int64_t until = now_ms() + p->timeout_ms;
	bool done = false;
	int r = send_line(p, line, until, d);

	out[0] = '\0';
	for (int i = 0; i < LINES_MAX && !r && !done; i++) {
		r = next_line(p, got, until, d);
		if (r)
			break;
		if (want && starts(got, want))
			memcpy(out, got, sizeof(got));
		else if (!strcmp(got, "OK"))
			done = true;
		else if (!strcmp(got, "ERROR") || starts(got, "+CME ERROR:"))
			r = MST_CARD_NO_CARD;
	}
	if (!r && !done)
		r = broken(d, "the modem talks, but does not answer");
	mst_wipe(got, sizeof(got));
	return r;
}

static int at_transmit(struct mst_card_port *port, struct mst_view apdu, uint8_t *out, size_t *ret_n, struct mst_diag *d)
{
	struct at_port *p = (struct at_port *)port;
	char line[2 * MST_APDU_MAX + 32], answer[LINE_MAX_OCTETS];
	uint8_t text[2 * MST_APDU_MAX + 1];
	struct mst_writer w = mst_writer_of(text, sizeof(text));
	struct mst_view v;
	size_t comma, n = 0;
	int r;

	mst_put_hex(&w, apdu);
	mst_put_nul(&w);
	if (!w.ok)
		return MST_FAULT_BUG;
	snprintf(line, sizeof(line), "AT+CSIM=%zu,\"%s\"\r", 2 * apdu.n, (const char *)text);
	r = command(p, line, "+CSIM:", answer, d);
	mst_wipe(line, sizeof(line));
	mst_wipe(text, sizeof(text));
	if (r == MST_CARD_NO_CARD)
		mst_diag_set(d, 0, "modem", "it refused AT+CSIM: no card, or it does not let programs speak to the card", NULL);
	if (r)
		goto done;
	v = mst_view_str(answer);
	comma = mst_view_find(v, ',');
	v = mst_view_sub(v, comma + 1, v.n);
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		v = mst_view_sub(v, 1, v.n - 2);
	if (!mst_hex_decode(v, out, MST_APDU_ANSWER_MAX, &n) || n < 2) {
		mst_diag_set(d, 0, "modem", "its +CSIM line is no length and hex digits", NULL);
		r = MST_CARD_ODD;
		goto done;
	}
	*ret_n = n;
done:
	mst_wipe(answer, sizeof(answer));
	mst_wipe(p->held, sizeof(p->held));
	p->n_held = 0;
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
	char out[LINE_MAX_OCTETS];
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
		r = command(p, "ATE0\r", NULL, out, d);      /* no echo: an echoed command would be a line among the answers */
	if (r == MST_CARD_NO_CARD)
		r = broken(d, "it does not take AT commands: is this the modem's AT port?");
	if (r) {
		at_close(&p->port);
		return r;
	}
	*ret_p = &p->port;
	return 0;
}

/* The revocation list of our own CA, as the engine sends it: looked at, written, taken over by everybody who speaks TLS. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/pki.h"
#include "server/check.h"
#include "server/supervisor-internal.h"

#define TRY_AGAIN_MS 5000
#define PEM_ROOM (2 * MST_CRL_MAX)

static bool read_block(const char *path, const char *label, uint8_t *der, size_t cap, size_t *ret_n)
{
	uint8_t *pem = malloc(PEM_ROOM);
	FILE *f = fopen(path, "rbe");
	size_t n = f && pem ? fread(pem, 1, PEM_ROOM, f) : 0, at = 0;
	bool good = n && !mst_pem_next((struct mst_view){ pem, n }, &at, label, der, cap, ret_n, NULL) && *ret_n;

	if (f)
		fclose(f);
	free(pem);
	return good;
}

/* What is no list of the keeper's CA is no list. */
static bool look(const struct mst_conf *c, struct mst_view der, struct mst_crl_info *ret_i)
{
	char path[MST_CONF_PATH + 16];
	uint8_t ca[MST_CERT_MAX];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/ca.pem", c->keeper);
	return read_block(path, "CERTIFICATE", ca, sizeof(ca), &n) &&
	       !mst_crl_info(der, (struct mst_view){ ca, n }, ret_i) && ret_i->signed_by;
}

void crl_state(const struct mst_conf *c, struct mst_conf_frame *f)
{
	uint8_t *der = c->crl.file[0] ? malloc(MST_CRL_MAX) : NULL;
	struct mst_crl_info i;
	size_t n = 0;

	if (der && read_block(c->crl.file, "X509 CRL", der, MST_CRL_MAX, &n) && look(c, (struct mst_view){ der, n }, &i)) {
		f->crl_number = i.number;
		f->crl_made = i.this_update;
		f->crl_until = i.next_update;
	}
	free(der);
}

static bool put(int fd, const struct mst_writer *w)
{
	size_t n = 0;

	while (n < w->n) {
		ssize_t k = write(fd, w->p + n, w->n - n);

		if (k < 0 && errno != EINTR)
			return false;
		n += k > 0 ? (size_t)k : 0;
	}
	return !fsync(fd);
}

/* Beside its place, under a name that no directory of lists takes for one, then into it. 0, or an errno. */
static int write_list(const char *path, const struct mst_writer *w)
{
	char beside[MST_CONF_PATH + 16], dir[MST_CONF_PATH];
	const char *slash = strrchr(path, '/');
	int fd, e = 0;

	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	snprintf(beside, sizeof(beside), "%s/.%s.new", dir, slash + 1);
	unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno;
	if (!put(fd, w))
		e = errno;
	close(fd);
	if (!e && rename(beside, path))
		e = errno;
	if (e) {
		unlink(beside);
		return e;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!fsync(fd);
		close(fd);
	}
	return 0;
}

static bool wrote(struct supervisor *s)
{
	uint8_t *pem = malloc(PEM_ROOM);
	struct mst_writer w = mst_writer_of(pem, pem ? PEM_ROOM : 0);
	int e;

	mst_pem_put(&w, "X509 CRL", (struct mst_view){ s->crl, s->n_crl });
	e = w.ok ? write_list(s->conf->crl.file, &w) : ENOMEM;
	free(pem);
	if (e)
		mst_log(&s->log, MST_LOG_ERROR, "the new revocation list cannot be written; tried again", "file", s->conf->crl.file,
			"why", strerror(e), NULL);
	return !e;
}

/* A directory that the operator is just changing must not stop what runs. Who cannot be told now is told later: reload_second(). */
static bool taken_over(struct supervisor *s)
{
	struct mst_conf_report rep = { .line = supervisor_say_wrong, .arg = s };

	if (mst_check_installation(s->conf, s->text, s->setup->roles, &rep)) {
		mst_log(&s->log, MST_LOG_ERROR, "the new revocation list is not taken over yet: something else is wrong", NULL);
		return false;
	}
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->child[i];

		if (c->kind == MST_PROC_CONNECTOR || (c->kind == MST_PROC_LISTENER && supervisor_speaks_tls(c->role)) ||
		    (c->kind == MST_PROC_DIAMETER && mst_conf_diameter_tls(s->conf)))
			reload_tell(c);
	}
	return true;
}

void crl_second(struct supervisor *s)
{
	mst_ms now = mst_now_ms();

	if ((!s->crl && !s->crl_written) || now < s->crl_again || s->stopping)
		return;
	s->crl_again = now + TRY_AGAIN_MS;
	if (s->crl) {
		if (!wrote(s))
			return;
		crl_free(s);
		s->crl_written = true;
	}
	if (taken_over(s)) {
		s->crl_written = false;
		s->crl_again = 0;
	}
}

/* The file may be another one, or none; and everybody is told of all lists anyway. */
void crl_reloaded(struct supervisor *s)
{
	if (s->crl && !s->conf->crl.file[0]) {
		mst_log(&s->log, MST_LOG_WARNING, "a revocation list that could not be written is given up: crl.file names none any more", NULL);
		crl_free(s);
	}
	s->crl_written = false;
	s->crl_again = 0;
}

void crl_came(struct supervisor *s, struct mst_view der)
{
	struct mst_crl_info i;
	char number[24], entries[24], until[16];
	struct mst_writer w = mst_writer_of(until, sizeof(until));

	if (!s->conf->crl.file[0] || !look(s->conf, der, &i)) {
		mst_log(&s->log, MST_LOG_ERROR, "not a revocation list of the keeper's CA; not written", NULL);
		return;
	}
	crl_free(s);
	s->crl = malloc(der.n);
	if (!s->crl)
		return;
	memcpy(s->crl, der.p, der.n);
	s->n_crl = der.n;
	mst_put_timestamp(&w, i.next_update);
	mst_put_nul(&w);
	snprintf(number, sizeof(number), "%lld", (long long)i.number);
	snprintf(entries, sizeof(entries), "%zu", i.n);
	mst_log(&s->log, MST_LOG_INFO, "revocation list made anew", "number", number, "entries", entries, "until", until, NULL);
	s->crl_again = 0;
	crl_second(s);
}

void crl_free(struct supervisor *s)
{
	free(s->crl);
	s->crl = NULL;
	s->n_crl = 0;
}

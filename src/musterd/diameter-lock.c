/*
 * freeDiameter 1.2 ends a TLS session from the thread that receives (gnutls_bye when the peer has closed) while another may
 * be sending on it. GnuTLS allows one that sends and one that receives, not two that send: both write out and free the same
 * buffer, which a peer can bring about by closing early. So these two calls of the library are taken here, ahead of GnuTLS's
 * own, and wait for one another. A session has one of a few locks; what is waited for is a write that the library bounds.
 */
#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdint.h>

#define LOCKS 64
static pthread_mutex_t lock[LOCKS] = { [0 ... LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER };

static pthread_mutex_t *lock_of(gnutls_session_t s)
{
	return &lock[((uintptr_t)s >> 6) % LOCKS];
}

static void unlock(void *m)
{
	(void)!pthread_mutex_unlock(m);
}

/* Threads of the library are cancelled, also in a write. */
ssize_t gnutls_record_send(gnutls_session_t session, const void *data, size_t n)
{
	pthread_mutex_t *m = lock_of(session);
	ssize_t r;

	pthread_mutex_lock(m);
	pthread_cleanup_push(unlock, m);
	r = gnutls_record_send2(session, data, n, 0, 0);      /* what it is in GnuTLS */
	pthread_cleanup_pop(1);
	return r;
}

int gnutls_bye(gnutls_session_t session, gnutls_close_request_t how)
{
	int (*real)(gnutls_session_t, gnutls_close_request_t);
	pthread_mutex_t *m = lock_of(session);
	int r;

	*(void **)&real = dlsym(RTLD_NEXT, "gnutls_bye");
	pthread_mutex_lock(m);
	pthread_cleanup_push(unlock, m);
	r = real ? real(session, how) : GNUTLS_E_INTERNAL_ERROR;
	pthread_cleanup_pop(1);
	return r;
}

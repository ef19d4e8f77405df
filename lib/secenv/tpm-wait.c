/*
 * Patience with a TPM that is busy: a TCTI in front of the real one. A command that the TPM has not begun (part 2, 6.6.3: it tests
 * itself, spares its memory, or could not start) is given again as it is, after a while; nothing was done, and no session has moved on
 * (part 1, 17.6.3). One place for every command, whichever way it was made.
 *
 * So is one for which there is no slot (OBJECT_MEMORY, SESSION_MEMORY): where no resource manager stands before the TPM, another process
 * has them for the moment of its own operation. Who left something there for good is told of sooner.
 *
 * An operation waits PATIENCE_MS at most, all its commands together: the agent's loop stands still meanwhile.
 */
#include <poll.h>
#include <string.h>

#include "secenv/tpm-int.h"

#define PATIENCE_MS 2500
#define SLOTS_MS 1000
#define FIRST_MS 10
#define LONGEST_MS 400

static struct tpm_patience *of(TSS2_TCTI_CONTEXT *c)
{
	return (struct tpm_patience *)c;
}

bool tpm_is_busy(TSS2_RC rc)
{
	return rc == TPM2_RC_RETRY || rc == TPM2_RC_NV_RATE || rc == TPM2_RC_NV_UNAVAILABLE || rc == TPM2_RC_TESTING || rc == TPM2_RC_YIELDED;
}

/* How long an operation waits for that to pass. */
static int patience_with(TSS2_RC rc)
{
	if (tpm_is_busy(rc))
		return PATIENCE_MS;
	return rc == TPM2_RC_OBJECT_MEMORY || rc == TPM2_RC_SESSION_MEMORY ? SLOTS_MS : 0;
}

/* TPM_ST_NO_SESSIONS, 10 octets, TPM_RC_FAILURE */
static const uint8_t failure[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x01 };

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *c, size_t n, const uint8_t *command)
{
	struct tpm_patience *p = of(c);

	p->n = p->answer_n = 0;
	if (p->kept_away) {
		memcpy(p->answer, failure, p->answer_n = sizeof(failure));
		return 0;
	}
	if (n <= sizeof(p->command))
		memcpy(p->command, command, p->n = n);
	return Tss2_Tcti_Transmit(p->io, n, command);
}

/* The code of an answer (part 1, 18.5: tag 2, size 4, code 4). */
static TSS2_RC code_of(const uint8_t *answer, size_t n)
{
	struct mst_reader r = mst_reader_of((struct mst_view){ answer, n });

	(void)mst_read(&r, 6);
	return mst_read_u32(&r);
}

/* The answer into p->answer; to a command that was refused as too early, the answer to the same once more. */
static TSS2_RC fetch(struct tpm_patience *p, int32_t timeout)
{
	int pause = FIRST_MS;
	TSS2_RC rc;

	for (;;) {
		size_t n = sizeof(p->answer);

		rc = Tss2_Tcti_Receive(p->io, &n, p->answer, timeout);
		if (rc)
			return rc;
		p->answer_n = n;
		if (!p->n || n < 10 || p->waited + pause > patience_with(code_of(p->answer, n)))
			return 0;
		(void)poll(NULL, 0, pause);
		p->waited += pause;
		pause = pause * 2 < LONGEST_MS ? pause * 2 : LONGEST_MS;
		p->answer_n = 0;
		rc = Tss2_Tcti_Transmit(p->io, p->n, p->command);
		if (rc)
			return rc;
	}
}

/* First asked for the size alone, then for the octets. */
static TSS2_RC receive(TSS2_TCTI_CONTEXT *c, size_t *size, uint8_t *answer, int32_t timeout)
{
	struct tpm_patience *p = of(c);
	TSS2_RC rc = p->answer_n ? 0 : fetch(p, timeout);
	size_t room = *size;

	if (rc)
		return rc;
	*size = p->answer_n;
	if (!answer)
		return 0;
	if (room < p->answer_n)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(answer, p->answer, p->answer_n);
	mst_wipe(p->answer, p->answer_n);
	p->answer_n = 0;
	return 0;
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *c)
{
	return Tss2_Tcti_Cancel(of(c)->io);
}

static TSS2_RC poll_handles(TSS2_TCTI_CONTEXT *c, TSS2_TCTI_POLL_HANDLE *handles, size_t *n)
{
	return Tss2_Tcti_GetPollHandles(of(c)->io, handles, n);
}

static TSS2_RC locality(TSS2_TCTI_CONTEXT *c, uint8_t l)
{
	return Tss2_Tcti_SetLocality(of(c)->io, l);
}

static TSS2_RC sticky(TSS2_TCTI_CONTEXT *c, TPM2_HANDLE *h, uint8_t on)
{
	return Tss2_Tcti_MakeSticky(of(c)->io, h, on);
}

TSS2_TCTI_CONTEXT *tpm_patience_init(struct tpm_patience *p, TSS2_TCTI_CONTEXT *io)
{
	p->tcti = (TSS2_TCTI_CONTEXT_COMMON_CURRENT){
		.v1 = { .magic = UINT64_C(0x6d7573746572), .version = 2, .transmit = transmit, .receive = receive, .cancel = cancel,
			.getPollHandles = poll_handles, .setLocality = locality },
		.makeSticky = sticky,
	};
	p->io = io;
	p->n = p->answer_n = 0;
	p->waited = 0;
	p->kept_away = false;
	return (TSS2_TCTI_CONTEXT *)p;
}

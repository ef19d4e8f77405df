/*
 * The smallest enrolee: a certificate, a sequence of instructions, the ready-made ports of libmuster-openssl.
 *
 *   cc -I.. minimal-enrolee.c $(pkg-config --cflags --libs muster-openssl) -o minimal-enrolee
 *   ./minimal-enrolee STATE SEAL-KEY INSTRUCTIONS CERTIFICATE KEY ANCHORS [ADDRESS]
 *
 * STATE (a directory) and SEAL-KEY are made when they are absent; KEY has mode 0600; ADDRESS is dialled instead of the peers' names, in
 * laboratories. After a power cut run it again: it goes on where it was.
 */
#include <muster/credential.h>
#include <muster/openssl.h>

#include "common.h"

static struct muster_enrolee enrolee;        /* 96 KiB: not on the stack of a small device */
static struct muster_credential credential;

static void say_step(void *ctx, const char *step)
{
	(void)ctx;
	printf("%s\n", step);
}

/* What the service's programs need: who we are, with whom we have a key, and until when. */
static void say_credential(const struct muster_ports *p)
{
	unsigned char record[MUSTER_RECORD_MAX];
	char detail[160] = "";
	size_t n = 0;

	if (!p->storage.load(p->storage.ctx, MUSTER_SLOT_ACTIVE, record, sizeof(record), &n, detail) &&
	    muster_credential_read(&credential, record, n))
		printf("%s has key %s at %s until %lld\n", muster_credential_text(&credential, MUSTER_CSE_ID),
		       muster_credential_text(&credential, MUSTER_KEY_ID), muster_credential_text(&credential, MUSTER_MAF_URI),
		       (long long)muster_credential_until(&credential));
	muster_credential_wipe(&credential);
}

int main(int argc, char **argv)
{
	static char sequence[32768];
	struct muster_openssl_config born = { .size = sizeof(born) };
	struct muster_config config = { .size = sizeof(config), .crypto = muster_openssl_crypto() };
	struct muster_openssl *device;
	struct muster_ports ports;
	enum muster_reason r;
	char detail[160];
	int status;

	if (argc < 7)
		return fprintf(stderr, "usage: %s STATE SEAL-KEY INSTRUCTIONS CERTIFICATE KEY ANCHORS [ADDRESS]\n", argv[0]), 2;
	born.state = argv[1];
	born.key_file = argv[2];
	born.certificate = argv[4];
	born.key = argv[5];
	born.anchors = argv[6];
	born.address = argv[7];
	if (muster_openssl_open(&born, &device, detail))
		return fprintf(stderr, "%s\n", detail), 1;
	config.certified_name = muster_openssl_name(device);
	ports = muster_openssl_ports(device);
	ports.step = say_step;
	r = muster_init(&enrolee, &config);
	if (r == MUSTER_OK)
		r = muster_run(&enrolee, &ports, sequence, read_file(argv[3], sequence, sizeof(sequence)));
	status = say_end(&enrolee, r);
	if (!status)
		say_credential(&ports);
	muster_wipe(&enrolee);
	muster_openssl_close(device);
	return status;
}

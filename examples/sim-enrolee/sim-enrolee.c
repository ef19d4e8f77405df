/*
 * A device with nothing but a SIM: its operator's bootstrapping server and the card make the key. The card is in a PC/SC reader here; on a
 * microcontroller `exchange` would move the same octets over its ISO 7816 interface or a modem.
 *
 *   cc -I.. -I/usr/include/PCSC sim-enrolee.c $(pkg-config --cflags --libs muster-openssl) -lpcsclite -o sim-enrolee
 *   ./sim-enrolee STATE SEAL-KEY INSTRUCTIONS READER [ADDRESS]
 */
#include <muster/credential.h>
#include <muster/openssl.h>
#include <winscard.h>

#include "common.h"

static struct muster_enrolee enrolee;
static struct muster_card_room room;
static struct muster_credential credential;

struct reader { SCARDCONTEXT context; SCARDHANDLE card; DWORD protocol; unsigned commands; };

/* The whole port: octets of a command to the card, octets of its answer back. */
static int exchange(void *ctx, const unsigned char *command, size_t n, unsigned char *answer, size_t cap, size_t *ret_n)
{
	struct reader *r = ctx;
	DWORD got = cap;
	const SCARD_IO_REQUEST *how = r->protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0;

	r->commands++;
	if (SCardTransmit(r->card, how, command, n, NULL, answer, &got) != SCARD_S_SUCCESS)
		return -1;
	*ret_n = got;
	return 0;
}

static int open_reader(struct reader *r, const char *name)
{
	return SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &r->context) ||
	       SCardConnect(r->context, name, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &r->card, &r->protocol);
}

static void say_credential(const struct muster_ports *p, const struct reader *r)
{
	unsigned char record[MUSTER_RECORD_MAX];
	char detail[160] = "";
	size_t n = 0;

	if (!p->storage.load(p->storage.ctx, MUSTER_SLOT_ACTIVE, record, sizeof(record), &n, detail) &&
	    muster_credential_read(&credential, record, n))
		printf("%s has key %s after %u commands to the card\n", muster_credential_text(&credential, MUSTER_CSE_ID),
		       muster_credential_text(&credential, MUSTER_KEY_ID), r->commands);
	muster_credential_wipe(&credential);
}

int main(int argc, char **argv)
{
	static char sequence[32768];
	struct reader reader = { .commands = 0 };
	struct muster_card card = { .size = sizeof(card), .room = &room, .ctx = &reader, .exchange = exchange, .md5 = muster_openssl_md5,
				    .bootstrapping_info = muster_openssl_bootstrapping_info };
	struct muster_openssl_config place = { .size = sizeof(place) };
	struct muster_config config = { .size = sizeof(config), .crypto = muster_openssl_crypto(), .card = &card };
	struct muster_openssl *device;
	struct muster_ports ports;
	enum muster_reason r;
	char detail[160];
	int status;

	if (argc < 5)
		return fprintf(stderr, "usage: %s STATE SEAL-KEY INSTRUCTIONS READER [ADDRESS]\n", argv[0]), 2;
	place.state = argv[1];
	place.key_file = argv[2];
	place.address = argv[5];
	if (open_reader(&reader, argv[4]))
		return fprintf(stderr, "%s: no such reader, or no card in it\n", argv[4]), 1;
	card.t1 = reader.protocol == SCARD_PROTOCOL_T1;
	if (muster_openssl_open(&place, &device, detail))
		return fprintf(stderr, "%s\n", detail), 1;
	ports = muster_openssl_ports(device);
	r = muster_init(&enrolee, &config);
	if (r == MUSTER_OK)
		r = muster_run(&enrolee, &ports, sequence, read_file(argv[3], sequence, sizeof(sequence)));
	status = say_end(&enrolee, r);
	if (!status)
		say_credential(&ports, &reader);
	muster_wipe(&enrolee);               /* and the room of the card */
	muster_openssl_close(device);
	SCardDisconnect(reader.card, SCARD_RESET_CARD);
	SCardReleaseContext(reader.context);
	return status;
}

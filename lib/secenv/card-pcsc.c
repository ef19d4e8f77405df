/* A card behind PC/SC, through pcsc-lite. */
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

#include "base/fault.h"
#include "secenv/card.h"

struct pcsc_port {
	struct mst_card_port port;
	SCARDCONTEXT context;
	SCARDHANDLE card;
	DWORD protocol;
	bool connected;
};

/* What the service says, as the outcome that the operator needs (lesson 23). */
static int explain(LONG code, const char *reader, struct mst_diag *d)
{
	static const struct { LONG code; int outcome; const char *words; } known[] = {
		{ SCARD_E_NO_SERVICE, MST_CARD_NO_READER, "the smart card service does not run: start pcscd (systemctl start pcscd.socket)" },
		{ SCARD_E_SERVICE_STOPPED, MST_CARD_NO_READER, "the smart card service has stopped: start pcscd" },
		{ SCARD_E_NO_READERS_AVAILABLE, MST_CARD_NO_READER, "no reader is plugged in, or its driver is missing (libccid)" },
		{ SCARD_E_UNKNOWN_READER, MST_CARD_NO_READER, "no reader of this name" },
		{ SCARD_E_READER_UNAVAILABLE, MST_CARD_NO_READER, "the reader is gone" },
		{ SCARD_E_NO_SMARTCARD, MST_CARD_NO_CARD, "there is no card in the reader" },
		{ SCARD_W_REMOVED_CARD, MST_CARD_NO_CARD, "the card was taken out" },
		{ SCARD_W_UNPOWERED_CARD, MST_CARD_NO_CARD, "the card does not get power" },
		{ SCARD_W_UNRESPONSIVE_CARD, MST_CARD_NO_CARD, "the card does not answer: is it the right way round?" },
		{ SCARD_W_RESET_CARD, MST_CARD_NO_CARD, "another program has reset the card; try again" },
		{ SCARD_E_SHARING_VIOLATION, MST_CARD_NO_CARD, "another program holds the card" },
		{ SCARD_W_SECURITY_VIOLATION, MST_CARD_NO_READER, "the system's policy (polkit) does not let this user use the card" },
		{ SCARD_E_PROTO_MISMATCH, MST_CARD_NO_CARD, "the card speaks neither T=0 nor T=1" },
		{ SCARD_E_NOT_TRANSACTED, MST_CARD_NO_CARD, "the card did not take the command" },
		{ SCARD_F_COMM_ERROR, MST_CARD_NO_CARD, "the connection to the card failed" },
	};

	for (size_t i = 0; i < MST_COUNT(known); i++)
		if (known[i].code == code) {
			mst_diag_set(d, 0, *reader ? reader : "card reader", known[i].words, NULL);
			return known[i].outcome;
		}
	mst_diag_set(d, 0, *reader ? reader : "card reader", pcsc_stringify_error(code), NULL);
	return code == SCARD_E_NO_MEMORY ? MST_FAULT_MEMORY : MST_CARD_NO_CARD;
}

/* The readers' names, one behind the other, each with its NUL; to be freed. NULL with the reason in `ret_code`. */
static char *readers(SCARDCONTEXT context, DWORD *ret_n, LONG *ret_code)
{
	DWORD n = 0;
	char *names;

	*ret_code = SCardListReaders(context, NULL, NULL, &n);
	if (*ret_code != SCARD_S_SUCCESS)
		return NULL;
	names = calloc(1, (size_t)n + 1);
	if (!names) {
		*ret_code = SCARD_E_NO_MEMORY;
		return NULL;
	}
	*ret_code = SCardListReaders(context, NULL, names, &n);
	if (*ret_code != SCARD_S_SUCCESS) {
		free(names);
		return NULL;
	}
	*ret_n = n;
	return names;
}

bool mst_card_pcsc_reader(size_t at, char *out, size_t cap)
{
	SCARDCONTEXT context;
	DWORD n = 0;
	LONG code;
	char *names;
	bool found = false;

	if (cap == 0 || SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
		return false;
	names = readers(context, &n, &code);
	for (char *p = names; names && *p && !found; p += strlen(p) + 1)
		if (at-- == 0) {
			found = strlen(p) < cap;
			if (found)
				memcpy(out, p, strlen(p) + 1);
		}
	free(names);
	(void)SCardReleaseContext(context);
	return found;
}

static LONG connect_card(struct pcsc_port *p, const char *reader)
{
	LONG code = SCardConnect(p->context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &p->card, &p->protocol);

	if (code != SCARD_S_SUCCESS)
		return code;
	code = SCardBeginTransaction(p->card);
	if (code != SCARD_S_SUCCESS) {
		(void)SCardDisconnect(p->card, SCARD_LEAVE_CARD);
		return code;
	}
	p->connected = true;
	p->port.t1 = p->protocol == SCARD_PROTOCOL_T1;
	return SCARD_S_SUCCESS;
}

/* The first that matches and has a card; else the reason of the first that matches. */
static int choose(struct pcsc_port *p, const char *reader, struct mst_diag *d)
{
	LONG code, first = SCARD_E_UNKNOWN_READER;
	DWORD n = 0;
	char *names = readers(p->context, &n, &code);
	bool seen = false;

	if (!names)
		return explain(code, reader, d);
	for (char *name = names; *name && !p->connected; name += strlen(name) + 1) {
		if (strncmp(name, reader, strlen(reader)) != 0)
			continue;
		code = connect_card(p, name);
		if (!seen)
			first = code;
		seen = true;
	}
	free(names);
	return p->connected ? 0 : explain(first, reader, d);
}

static int pcsc_transmit(struct mst_card_port *port, struct mst_view command, uint8_t *out, size_t *ret_n, struct mst_diag *d)
{
	struct pcsc_port *p = (struct pcsc_port *)port;
	DWORD n = MST_APDU_ANSWER_MAX;
	LONG code = SCardTransmit(p->card, p->port.t1 ? SCARD_PCI_T1 : SCARD_PCI_T0, command.p, (DWORD)command.n, NULL, out, &n);

	if (code != SCARD_S_SUCCESS)
		return explain(code, "", d);
	*ret_n = n;
	return 0;
}

static void pcsc_close(struct mst_card_port *port)
{
	struct pcsc_port *p = (struct pcsc_port *)port;

	if (p->connected) {
		(void)SCardEndTransaction(p->card, SCARD_LEAVE_CARD);
		(void)SCardDisconnect(p->card, SCARD_LEAVE_CARD);
	}
	(void)SCardReleaseContext(p->context);
	free(p);
}

int mst_card_pcsc_open(const char *reader, struct mst_card_port **ret_p, struct mst_diag *d)
{
	static const struct mst_card_port_ops ops = { "pcsc", pcsc_transmit, pcsc_close };
	struct pcsc_port *p = calloc(1, sizeof(*p));
	LONG code;
	int r;

	if (!p)
		return MST_FAULT_MEMORY;
	p->port.ops = &ops;
	code = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &p->context);
	if (code != SCARD_S_SUCCESS) {
		free(p);
		return explain(code, reader, d);
	}
	r = choose(p, reader, d);
	if (r) {
		pcsc_close(&p->port);
		return r;
	}
	*ret_p = &p->port;
	return 0;
}

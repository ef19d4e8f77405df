/*
 * `muster doctor --card`: reader or modem, card, application, PIN, GBA; the first that is missing comes with what to do
 * (lesson 23). Nothing is written to the card, and no PIN is tried unless one was given: a card counts.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/secret.h"
#include "doctor.h"
#include "secenv/card.h"

#define PIN_FILE_MAX 64
#define MODEM_SPEED 115200
#define MODEM_TIMEOUT_MS 10000

/* What each outcome is found at, and what is to be done. */
static const struct { int outcome; const char *what, *remedy; } remedies[] = {
	{ MST_CARD_NO_READER, "reader", "plug in a reader and start pcscd, or give a modem's AT port: muster doctor --card=/dev/ttyUSB2" },
	{ MST_CARD_NO_CARD, "card", "put the card in, the right way round; end other programs that hold it" },
	{ MST_CARD_NO_APP, "application", "a SIM of 2G or a CSIM alone will not do; ask the operator for a card with a USIM or an ISIM (a CSIM beside it does no harm)" },
	{ MST_CARD_PIN, "PIN", "give it in a file: --pin-file FILE; or switch it off in a telephone" },
	{ MST_CARD_PIN_WRONG, "PIN", "ask for the right one before trying again: the card blocks itself" },
	{ MST_CARD_ODD, "card", "the card or the modem does not do what the specification says; try another reader" },
};

static void bad(struct doctor *d, int outcome, const struct mst_diag *why)
{
	char text[360];

	snprintf(text, sizeof(text), "%s%s%s", why->field, *why->field ? ": " : "", why->text);
	for (size_t i = 0; i < MST_COUNT(remedies); i++)
		if (remedies[i].outcome == outcome) {
			doctor_finding(d, false, remedies[i].what, text, remedies[i].remedy);
			return;
		}
	doctor_finding(d, false, "card", *why->text ? text : mst_fault_text(outcome), "try again; when it stays, the system's log may know more");
}

/* Without the line's end. Empty when no file was given. False when it cannot be read or holds no PIN. */
static bool read_pin(struct doctor *d, const char *path, char pin[PIN_FILE_MAX], struct mst_view *ret_pin)
{
	struct mst_diag why = { 0 };
	ssize_t n = 0;
	int fd;

	*ret_pin = MST_VIEW_NONE;
	if (!path)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, pin, PIN_FILE_MAX);
		close(fd);
	}
	while (n > 0 && (pin[n - 1] == '\n' || pin[n - 1] == '\r'))
		n--;
	if (n > 0 && n <= MST_UICC_PIN_MAX) {
		*ret_pin = (struct mst_view){ (const uint8_t *)pin, (size_t)n };
		return true;
	}
	mst_diag_set(&why, 0, path, "must be a file with 4 to 8 digits", NULL);
	bad(d, MST_CARD_PIN, &why);
	return false;
}

static void tell_readers(struct doctor *d)
{
	char name[256], all[600] = "";

	for (size_t i = 0; mst_card_pcsc_reader(i, name, sizeof(name)); i++) {
		size_t n = strlen(all);

		snprintf(all + n, sizeof(all) - n, "%s%s", n ? "; " : "", name);
	}
	if (*all)
		doctor_finding(d, true, "reader", all, "");
}

static void tell_card(struct doctor *d, const struct mst_card *c)
{
	char text[600];
	bool usim = c->app == MST_CARD_USIM;

	if (usim)
		snprintf(text, sizeof(text), "USIM, IMSI %s, MNC of %d digits", c->imsi, c->mnc_digits);
	else
		snprintf(text, sizeof(text), "ISIM, IMPI %s", c->impi);
	doctor_finding(d, true, "application", text, "");
	/* Not in the table is no fault of the set-up: the 3G context serves, and the key is then made outside the card. */
	doctor_finding(d, true, "GBA", c->gba ? "the card does it itself: the root key stays inside (GBA_U)"
	                                      : "not in the card's service table: the key is derived outside it (GBA_ME)", "");
}

void doctor_card(struct doctor *d, const char *where, const char *pin_file)
{
	char text[PIN_FILE_MAX];
	struct mst_card_port *port = NULL;
	struct mst_diag why = { 0 };
	struct mst_view pin;
	struct mst_card card;
	int r;

	if (!read_pin(d, pin_file, text, &pin))
		goto done;
	if (*where == '/') {
		r = mst_card_at_open(where, MODEM_SPEED, MODEM_TIMEOUT_MS, &port, &why);
		if (!r)
			doctor_finding(d, true, "modem", where, "");
	} else {
		tell_readers(d);
		r = mst_card_pcsc_open(where, &port, &why);
	}
	if (!r)
		r = mst_card_open(&card, port, MST_CARD_ANY, pin, &why);
	if (!r)
		tell_card(d, &card);
	else
		bad(d, r, &why);
	if (port)
		port->ops->close(port);
done:
	mst_wipe(text, sizeof(text));
}

/*
 * A device with crypto of its own: here HMAC-SHA-256 by Nettle, in a product a secure element or an accelerator. It was born
 * with its maker's serial number (KpmID) and secret (Kpm), and no certificate; transport and storage are the ready-made ones.
 *
 *   cc -I.. custom-crypto.c $(pkg-config --cflags --libs muster-openssl nettle) -o custom-crypto
 *   ./custom-crypto STATE SEAL-KEY INSTRUCTIONS KPMID KPM-FILE [ADDRESS]
 *
 * KPM-FILE holds Kpm in hexadecimal, with mode 0600: a secret in the command line is seen by everybody on the machine.
 */
#include <muster/openssl.h>
#include <nettle/hmac.h>
#include <string.h>

#include "common.h"

static struct muster_enrolee enrolee;

/* The whole port. `ctx` could be the handle of a secure element; here it counts. */
static int hmac_sha256(void *ctx, const void *key, size_t key_n, const void *message, size_t message_n, unsigned char out[32])
{
	struct hmac_sha256_ctx h;

	hmac_sha256_set_key(&h, key_n, key);
	hmac_sha256_update(&h, message_n, message);
	hmac_sha256_digest(&h, 32, out);
	explicit_bzero(&h, sizeof(h));
	++*(unsigned *)ctx;
	return 0;
}

/* 16 to 64 octets in hexadecimal digits and perhaps a line's end; 0: something else. */
static size_t read_secret(const char *path, unsigned char *out, size_t cap)
{
	static const char digit[] = "0123456789abcdef0123456789ABCDEF";
	char text[160];
	size_t n = read_file(path, text, sizeof(text)), good = 0;

	if (n && text[n - 1] == '\n')
		n--;
	while (n <= 2 * cap && n % 2 == 0 && good < n && memchr(digit, text[good], 32)) {
		unsigned value = (unsigned)((const char *)memchr(digit, text[good], 32) - digit) % 16;

		out[good / 2] = (unsigned char)(good % 2 ? out[good / 2] << 4 | value : value);
		good++;
	}
	explicit_bzero(text, sizeof(text));
	return good == n && n >= 32 ? n / 2 : 0;
}

int main(int argc, char **argv)
{
	static char sequence[32768];
	unsigned char kpm[64];
	unsigned calls = 0;
	struct muster_openssl_config place = { .size = sizeof(place) };
	struct muster_config config = { .size = sizeof(config), .crypto = { &calls, hmac_sha256 } };
	struct muster_openssl *device;
	struct muster_ports ports;
	enum muster_reason r;
	char detail[160];
	int status;

	if (argc < 6)
		return fprintf(stderr, "usage: %s STATE SEAL-KEY INSTRUCTIONS KPMID KPM-FILE [ADDRESS]\n", argv[0]), 2;
	place.state = argv[1];
	place.key_file = argv[2];
	place.address = argv[6];
	if (!private_file(argv[5], detail))
		return fprintf(stderr, "%s\n", detail), 1;
	config.psk_n = read_secret(argv[5], kpm, sizeof(kpm));
	if (!config.psk_n)
		return fprintf(stderr, "%s: expected 32 to 128 hexadecimal digits\n", argv[5]), 1;
	if (muster_openssl_open(&place, &device, detail))
		return fprintf(stderr, "%s\n", detail), 1;
	config.psk_identity = argv[4];
	config.psk = kpm;
	ports = muster_openssl_ports(device);
	r = muster_init(&enrolee, &config);
	if (r == MUSTER_OK)
		r = muster_run(&enrolee, &ports, sequence, read_file(argv[3], sequence, sizeof(sequence)));
	status = say_end(&enrolee, r);
	if (!status)
		printf("keys derived by our own crypto: %u\n", calls);
	explicit_bzero(kpm, sizeof(kpm));
	muster_wipe(&enrolee);
	muster_openssl_close(device);
	return status;
}

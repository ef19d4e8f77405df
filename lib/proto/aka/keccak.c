#include "proto/aka/keccak.h"

#include "base/secret.h"

#define ROUNDS 24
#define LANES 25

static const uint64_t round_constant[ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
	0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
	0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* rho and pi in one walk: the lane that goes to place[i] is turned by turn[i], beginning with lane 1. */
static const unsigned char place[24] = { 10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1 };
static const unsigned char turn[24] = { 1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44 };

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);        /* by is 1 to 62 */
}

static void theta(uint64_t a[LANES])
{
	uint64_t c[5];

	for (unsigned x = 0; x < 5; x++)
		c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (unsigned x = 0; x < 5; x++) {
		uint64_t d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);

		for (unsigned y = 0; y < LANES; y += 5)
			a[x + y] ^= d;
	}
}

static void rho_pi(uint64_t a[LANES])
{
	uint64_t carried = a[1];

	for (unsigned i = 0; i < 24; i++) {
		uint64_t next = a[place[i]];

		a[place[i]] = rotate(carried, turn[i]);
		carried = next;
	}
}

static void chi(uint64_t a[LANES])
{
	for (unsigned y = 0; y < LANES; y += 5) {
		uint64_t row[5] = { a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4] };

		for (unsigned x = 0; x < 5; x++)
			a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
	}
}

void aka_keccak(uint8_t state[AKA_KECCAK_OCTETS], unsigned times)
{
	uint64_t a[LANES];

	for (unsigned i = 0; i < LANES; i++) {
		a[i] = 0;
		for (unsigned j = 0; j < 8; j++)
			a[i] |= (uint64_t)state[8 * i + j] << (8 * j);
	}
	while (times--)
		for (unsigned r = 0; r < ROUNDS; r++) {
			theta(a);
			rho_pi(a);
			chi(a);
			a[0] ^= round_constant[r];
		}
	for (unsigned i = 0; i < AKA_KECCAK_OCTETS; i++)
		state[i] = (uint8_t)(a[i / 8] >> (8 * (i % 8)));
	mst_wipe(a, sizeof(a));
}

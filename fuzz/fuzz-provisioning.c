/* A stream of octets is a life of the provisioning engine; its invariants must hold after every event. */
#include "proto/provisioning/test-world.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	(void)drive((struct mst_view){ p, n });
	return 0;
}

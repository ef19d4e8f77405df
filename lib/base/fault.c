#include "base/fault.h"

const char *mst_fault_text(int fault)
{
	switch ((enum mst_fault)fault) {
	case MST_FAULT_MEMORY:  return "no memory";
	case MST_FAULT_IO:      return "input/output error";
	case MST_FAULT_CRYPTO:  return "the crypto library failed";
	case MST_FAULT_BUG:     return "internal error";
	case MST_FAULT_STORE:   return "the database failed";
	case MST_FAULT_SPACE:   return "no space left";
	case MST_FAULT_CORRUPT: return "stored data is corrupt";
	case MST_FAULT_CONFIG:  return "unusable configuration";
	case MST_FAULT_CLOSED:  return "the other process is gone";
	}
	return "unknown fault";
}

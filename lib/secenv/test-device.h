/* The devices that the back ends' tests run on: swtpm, SoftHSM2, a virtual card behind pcscd (key_card.py), or none. One a process; a test names it on its command line. */
#ifndef MST_SECENV_TEST_DEVICE_H
#define MST_SECENV_TEST_DEVICE_H

#include "secenv/store.h"

enum device_kind { DEVICE_FILE, DEVICE_SECRET, DEVICE_TPM, DEVICE_TOKEN, DEVICE_CARD };

/* "file", "secret", "tpm", "pkcs11", "card". Makes a directory for it; fails the test when it does not come up. */
void device_start(const char *name);
void device_stop(void);
enum device_kind device_kind(void);
/* TPM: where swtpm serves; its control port is the next. */
int device_port(void);
/* Its directory, where device_tool() is. */
const char *device_dir(void);
/* A root on it, as the program has it. 0, an outcome, or a fault. */
int device_root(struct secenv_root **ret, struct mst_diag *d);
/* TPM: from now on with PCRs; 0 none. */
void device_pcrs(uint32_t mask);
/* PINs and secrets: right, wrong, none at all. */
enum device_pin { PIN_NONE, PIN_RIGHT, PIN_WRONG };
void device_pin(enum device_pin p);
void device_remove(void);        /* pulled out … */
void device_return(void);        /* … and back again, as it was */
void device_clear(void);         /* all that was in it is gone */
/* A command line in the device's directory, like one of tpm2-tools; fails the test unless it ends with 0. */
void device_tool(const char *command);
/* A card: what key_card.py is to do with it. */
void device_card(const char *words);
/* What is in the device, as its own tools see it: a file of that name in device_dir(). */
void device_inventory(const char *name);

#endif

/*
 * The system calls that each kind of process keeps, besides the usual ones (sandbox/usual.c, confine.c). A row without a reason was recorded in the scenario tests
 * (tools/record-calls compares); one with a reason is there for a path that no test takes, or another C library. To add
 * one: record it, or say why; and look whether its arguments can be bounded.
 */
#include <seccomp.h>

#include "server/confine.h"

#define LIS MST_WHO(MST_PROC_LISTENER)
#define CON MST_WHO(MST_PROC_CONNECTOR)
#define ENG MST_WHO(MST_PROC_ENGINE)
#define KEE MST_WHO(MST_PROC_KEEPER)
#define DIA MST_WHO(MST_PROC_DIAMETER)
#define SIG MST_WHO(MST_PROC_SIGNER)
#define DBS MST_WHO_SERVER      /* an engine whose database is a server, … */
#define DBL MST_WHO_SERVER_LOCAL        /* one that is reached by a local socket, … */
#define DBT MST_WHO_SERVER_TCP  /* … and one that is reached by TCP */
#define ALL (LIS | CON | ENG | KEE | DIA | SIG)

const struct mst_sandbox_call mst_server_calls[] = {
	/* the links, and the log */
	{ ALL, SCMP_SYS(sendmsg), MST_ARGS_SEND, NULL },
	{ ALL, SCMP_SYS(recvmsg), 0, NULL },
	{ LIS | ENG | KEE, SCMP_SYS(shutdown), MST_ARGS_OUTWARD, "links that end" },
	{ CON | DIA | SIG, SCMP_SYS(shutdown), 0, "a library's connections that end: what is sent and what is heard" },
	/* files: which ones is Landlock's business */
	{ ALL, SCMP_SYS(openat), 0, NULL },
	{ ALL, SCMP_SYS(newfstatat), 0, "with the opening" },
	{ ALL, SCMP_SYS(fstat), 0, "newfstatat() of older C libraries" },
	{ LIS | ENG, SCMP_SYS(lseek), 0, "stdio" },
	/* peers */
	{ LIS, SCMP_SYS(accept4), 0, NULL },
	{ ENG, SCMP_SYS(sendto), MST_ARGS_SEND, NULL },
	{ ENG, SCMP_SYS(recvfrom), 0, NULL },
	/* peers of Diameter: its library makes threads for each, and takes addresses in the sandbox */
	{ DIA, SCMP_SYS(accept), 0, NULL },
	{ DIA, SCMP_SYS(bind), 0, NULL },
	{ DIA, SCMP_SYS(socket), MST_ARGS_ROUTES, NULL },                /* it tells its peers this host's addresses */
	{ DIA, SCMP_SYS(listen), 0, NULL },
	{ DIA, SCMP_SYS(pselect6), 0, "the library waits for a socket" },
	{ DIA, SCMP_SYS(select), 0, "the library waits for a socket" },
	/* the database */
	{ ENG, SCMP_SYS(pread64), 0, NULL },
	{ ENG, SCMP_SYS(pwrite64), 0, NULL },
	{ ENG, SCMP_SYS(pwritev), 0, NULL },
	{ ENG, SCMP_SYS(fdatasync), 0, NULL },
	{ ENG, SCMP_SYS(fsync), 0, "of the directory, when there is a new journal" },
	{ ENG, SCMP_SYS(ftruncate), 0, NULL },
	{ ENG, SCMP_SYS(fallocate), 0, "the journal's index" },
	{ ENG, SCMP_SYS(unlink), 0, NULL },
	{ ENG, SCMP_SYS(poll), 0, NULL },
	{ ENG, SCMP_SYS(fchmod), 0, "a new journal has the database's mode" },
	{ ENG, SCMP_SYS(geteuid), 0, "a new journal has the database's owner" },
	{ ENG, SCMP_SYS(fchown), 0, "a new journal has the database's owner" },
	{ ENG, SCMP_SYS(access), 0, "is there a journal?" },
	{ ENG, SCMP_SYS(readlink), 0, "is the database a symbolic link?" },
	{ ENG, SCMP_SYS(unlinkat), 0, "unlink() of other machines" },
	{ ENG, SCMP_SYS(faccessat), 0, "access() of other machines" },
	{ ENG, SCMP_SYS(faccessat2), 0, "access() of other machines" },
	{ ENG, SCMP_SYS(readlinkat), 0, "readlink() of other machines" },
	{ ENG, SCMP_SYS(ppoll), 0, "poll() of other machines" },
	{ ENG, SCMP_SYS(getcwd), 0, "a temporary file's name" },
	{ ENG, SCMP_SYS(clock_nanosleep), 0, "another program has the database" },
	{ DBL, SCMP_SYS(socket), MST_ARGS_LOCAL_STREAM, "a database that is a server" },
	{ DBT, SCMP_SYS(socket), MST_ARGS_INET_STREAM, "a database that is a server" },
	{ DBS, SCMP_SYS(connect), 0, "a database that is a server: its ports only, where the kernel knows such rules" },
	{ DBS, SCMP_SYS(setsockopt), MST_ARGS_OPTION, "a database that is a server" },
	{ DBS, SCMP_SYS(getsockopt), 0, "a database that is a server" },
	{ DBS, SCMP_SYS(getsockname), 0, "a database that is a server" },
	{ DBS, SCMP_SYS(getpeername), 0, "a database that is a server" },
	/* the keeper waits for the signer, who waits for a device, but not for ever */
	{ KEE, SCMP_SYS(poll), 0, NULL },
	{ KEE, SCMP_SYS(ppoll), 0, "poll() of other machines" },
	{ KEE, SCMP_SYS(sendto), MST_ARGS_SEND, NULL },
	{ KEE, SCMP_SYS(recvfrom), 0, NULL },
	{ SIG, SCMP_SYS(alarm), 0, NULL },
	{ SIG, SCMP_SYS(setitimer), 0, "alarm() of other machines" },
	{ SIG, SCMP_SYS(ioctl), MST_ARGS_DEVICE, "a device: which one, of those that are opened later, is Landlock's business" },
	/* the note of a refused PIN, and a module of PKCS#11 that keeps its objects in files, or has threads; recorded with SoftHSM2, and with a TPM, which needs none of these */
	{ SIG, SCMP_SYS(rename), 0, "a module of PKCS#11" },
	{ SIG, SCMP_SYS(renameat), 0, NULL },
	{ SIG, SCMP_SYS(renameat2), 0, "renameat() of other machines" },
	{ SIG, SCMP_SYS(mkdir), 0, "a module of PKCS#11" },
	{ SIG, SCMP_SYS(unlink), 0, NULL },
	{ SIG, SCMP_SYS(unlinkat), 0, "a module of PKCS#11" },
	{ SIG, SCMP_SYS(ftruncate), 0, NULL },
	{ SIG, SCMP_SYS(fsync), 0, NULL },
	{ SIG, SCMP_SYS(fdatasync), 0, "a module of PKCS#11" },
	{ SIG, SCMP_SYS(flock), 0, "a module of PKCS#11" },
	{ SIG, SCMP_SYS(readlink), 0, "a module of PKCS#11" },
	{ SIG, SCMP_SYS(statx), 0, "a module of PKCS#11" },
	{ SIG, SCMP_SYS(geteuid), 0, "p11-kit: whose settings?" },
	{ SIG, SCMP_SYS(getuid), 0, "p11-kit: whose settings?" },
	{ SIG, SCMP_SYS(getegid), 0, "p11-kit: whose settings?" },
	{ SIG, SCMP_SYS(getgid), 0, "p11-kit: whose settings?" },
	/* the keeper's seal of the audit log */
	{ KEE, SCMP_SYS(fsync), 0, NULL },
	{ KEE, SCMP_SYS(renameat), 0, NULL },
	{ KEE, SCMP_SYS(renameat2), 0, "renameat() of other machines" },
	{ KEE, SCMP_SYS(unlinkat), 0, "a seal that could not be written whole" },
};
const size_t mst_server_n_calls = MST_COUNT(mst_server_calls);

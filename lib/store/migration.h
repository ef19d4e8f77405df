/* Numbered steps of a database's schema, embedded at build time from sql/<database>/ (sql/embed.py). */
#ifndef MST_STORE_MIGRATION_H
#define MST_STORE_MIGRATION_H

struct mst_migration {
	int number;
	const char *name;
	const char *sql;
};

extern const struct mst_migration mst_sqlite_migrations[];
extern const int mst_sqlite_migrations_n;
extern const struct mst_migration mst_pg_migrations[];
extern const int mst_pg_migrations_n;

#endif

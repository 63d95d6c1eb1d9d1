"""The patient database: tables, migrations, one module of functions per kind of record, and the recorder.

The only room that knows SQL. Functions take an SQLAlchemy `Connection` inside a transaction of `storage.session.Database`
and block; asynchronous callers go through a Door. Where the database does not answer they raise `vitals.errors.Unavailable`.
"""

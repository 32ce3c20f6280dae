# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs: the migrations, through the connection that Database.migrate gives."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()

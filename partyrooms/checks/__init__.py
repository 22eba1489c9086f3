"""
System checks: what is missing or wrong in a project, and how to mend it.

``manage.py check`` runs them, and so do ``runserver`` and ``migrate``; a server that
is started directly (``uvicorn``) does not. ``SILENCED_SYSTEM_CHECKS`` takes the ids
of those warnings that a project knows better about.
"""

from django.core.checks import Tags, register

from partyrooms.checks.options import (
    check_class_methods,
    check_crons,
    check_database_alias,
    check_origins,
    check_room_classes,
    check_settings,
)
from partyrooms.checks.services import (
    check_production_server,
    check_redis,
    check_shared_layer,
    check_sqlite,
)
from partyrooms.checks.spelling import check_hook_names
from partyrooms.checks.wiring import (
    check_application,
    check_apps,
    check_installed,
    check_middleware,
    check_runserver,
    check_urls,
)

for check in (
    check_settings,
    check_origins,
    check_database_alias,
    check_room_classes,
    check_class_methods,
    check_hook_names,
    check_crons,
    check_apps,
    check_installed,
    check_urls,
    check_middleware,
    check_application,
    check_runserver,
    check_redis,
    check_shared_layer,
    check_sqlite,
):
    register(check, "partyrooms")
register(check_production_server, Tags.security, deploy=True)

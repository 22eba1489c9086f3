"""What a room class that a test sends may use without importing it."""

import asyncio
import contextvars
import json
import threading
import time
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection as database
from django.db import transaction
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone as zones
from django.utils import translation
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, NotFound, ParseError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.permissions import BasePermission, IsAdminUser, IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

import partyrooms
from partyrooms import (
    CallCycle,
    CallFailed,
    Connection,
    ConnectionContext,
    ConnectionTrouble,
    PartyroomsError,
    Reject,
    RoomUnreachable,
    StorageLimitExceeded,
    disconnect_user,
    parties,
    rpc,
    send_to_user,
)
from tests.servers.site.journal import gate, note

__all__ = [
    "UTC",
    "UUID",
    "APIException",
    "BaseParser",
    "BasePermission",
    "BaseRenderer",
    "BaseThrottle",
    "CallCycle",
    "CallFailed",
    "Connection",
    "ConnectionContext",
    "ConnectionTrouble",
    "Decimal",
    "Http404",
    "HttpResponse",
    "IsAdminUser",
    "IsAuthenticated",
    "JSONParser",
    "JSONRenderer",
    "JsonResponse",
    "NotFound",
    "ParseError",
    "PartyroomsError",
    "PermissionDenied",
    "Reject",
    "Response",
    "RoomUnreachable",
    "SessionAuthentication",
    "StorageLimitExceeded",
    "StreamingHttpResponse",
    "User",
    "ZoneInfo",
    "async_to_sync",
    "asyncio",
    "clock",
    "contextvars",
    "database",
    "date",
    "datetime",
    "disconnect_user",
    "gate",
    "json",
    "note",
    "parties",
    "partyrooms",
    "reverse",
    "rpc",
    "send_to_user",
    "sync_to_async",
    "threading",
    "time",
    "timedelta",
    "timezone",
    "transaction",
    "translation",
    "zones",
]

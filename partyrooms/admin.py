"""Rooms, their entries and the nodes in Django's admin: to look at, not to edit."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from partyrooms.api.crons import schedules
from partyrooms.models import CronRecord, Node, RoomRecord, RoomRecordQuerySet
from partyrooms.nodes.death import is_live

if TYPE_CHECKING:
    RoomAdminBase = admin.ModelAdmin[RoomRecord]
    NodeAdminBase = admin.ModelAdmin[Node]
    CronAdminBase = admin.ModelAdmin[CronRecord]
else:
    RoomAdminBase = NodeAdminBase = CronAdminBase = admin.ModelAdmin

SHOWN_ENTRIES = 200
"""Entries of a room that its page lists; a room may have many thousands."""


class ReadOnly:
    """Nothing can be added or changed: the owner would not read it again."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False


@admin.register(RoomRecord)
class RoomRecordAdmin(ReadOnly, RoomAdminBase):
    """A room can be deleted while no living node owns it."""

    list_display = (
        *("__str__", "owner", "epoch", "version", "entry_count", "total_size"),
        *("alarm_at", "alarm_failed"),
    )
    list_filter = ("alarm_failed", "locked")
    actions = ("retry_alarms",)
    list_select_related = ("owner",)
    search_fields = ("party", "room_id")
    search_help_text = "Party, room id, or both as in chat/lobby"
    ordering = ("party", "room_id")
    fields = (
        *("party", "room_id", "owner", "epoch", "version", "stop_requested"),
        *("locked", "alarm_at", "alarm_failed", "alarm_attempts", "alarm_error"),
        *("created_at", "entry_count", "total_size", "entries"),
    )

    def get_fields(
        self, request: HttpRequest, obj: RoomRecord | None = None
    ) -> tuple[str, ...]:
        """Leave out what the room stores for those who may not see it."""
        if request.user.has_perm("partyrooms.view_room_contents"):
            return self.fields
        return tuple(name for name in self.fields if name != "entries")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoomRecord]:
        return cast(RoomRecordQuerySet, super().get_queryset(request)).with_sizes()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RoomRecord], search_term: str
    ) -> tuple[QuerySet[RoomRecord], bool]:
        party, slash, room_id = search_term.strip().partition("/")
        if slash:
            return queryset.filter(party=party, room_id__startswith=room_id), False
        return super().get_search_results(request, queryset, search_term)

    def get_readonly_fields(
        self, request: HttpRequest, obj: RoomRecord | None = None
    ) -> tuple[str, ...]:
        return self.fields

    def has_delete_permission(
        self, request: HttpRequest, obj: RoomRecord | None = None
    ) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or not is_live(obj.owner))

    def get_deleted_objects(
        self, objs: Iterable[RoomRecord], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the rooms only: their entries are many, and not for everybody."""
        rooms = list(objs)
        refused = {
            "room" for one in rooms if not self.has_delete_permission(request, one)
        }
        return list(map(str, rooms)), {"rooms": len(rooms)}, refused, []

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission to change rooms, of which this is the only change."""
        return request.user.has_perm("partyrooms.change_roomrecord")

    @admin.action(description="Retry failed alarms", permissions=["retry"])
    def retry_alarms(self, request: HttpRequest, rooms: QuerySet[RoomRecord]) -> None:
        """Let the alarms of these rooms that were given up be rung at once."""
        count = cast(RoomRecordQuerySet, rooms).retry_alarms()
        self.message_user(request, f"{count} failed alarms are retried.")

    @admin.display(description="entries")
    def entry_count(self, room: Any) -> int:
        """How many keys are stored."""
        return int(room.entry_count)

    @admin.display(description="size")
    def total_size(self, room: Any) -> str:
        """Bytes of all keys and values."""
        return filesizeformat(room.total_size)

    @admin.display(description="stored")
    def entries(self, room: Any) -> SafeString:
        """The first entries, decoded, as a table."""
        # An iterator: a value may have a megabyte, of which a kilobyte is shown.
        shown = room.entries.order_by("key")[:SHOWN_ENTRIES].iterator(chunk_size=20)
        rows = format_html_join(
            "",
            "<tr><th scope=row>{}</th><td>{}</td><td>{}</td></tr>",
            ((e.key_text, filesizeformat(e.size), e.value_text) for e in shown),
        )
        hidden = room.entry_count - SHOWN_ENTRIES
        return format_html(
            "<table><thead><tr><th>Key</th><th>Size</th><th>Value</th></tr></thead>"
            "<tbody>{}</tbody></table>{}",
            rows,
            f"... and {hidden} more" if hidden > 0 else "",
        )


@admin.register(CronRecord)
class CronRecordAdmin(ReadOnly, CronAdminBase):
    """A cron that no class has any more can be deleted."""

    list_display = (
        *("__str__", "expression", "scheduled_at", "runner", "is_running"),
        *("ended_at", "error"),
    )
    list_select_related = ("runner",)
    ordering = ("party", "name")
    fields = (
        *("party", "name", "expression", "scheduled_at", "runner", "is_running"),
        *("started_at", "ended_at", "error"),
    )

    def has_delete_permission(
        self, request: HttpRequest, obj: CronRecord | None = None
    ) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        known = {schedule.key for schedule in schedules()}
        return allowed and (obj is None or (obj.party, obj.name) not in known)


@admin.register(Node)
class NodeAdmin(ReadOnly, NodeAdminBase):
    """Nodes come and go by themselves."""

    list_display = ("pid", "host", "state", "heartbeat", "room_count", "created_at")
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Node]:
        nodes: QuerySet[Node] = super().get_queryset(request)
        return nodes.annotate(room_count=Count("rooms"))

    def has_delete_permission(
        self, request: HttpRequest, obj: Node | None = None
    ) -> bool:
        return False

    @admin.display(description="rooms")
    def room_count(self, node: Any) -> int:
        """How many rooms it owns."""
        return int(node.room_count)

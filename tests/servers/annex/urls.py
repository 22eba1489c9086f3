"""URLs of a project that has forgotten the rooms (SPEC R1)."""

urlpatterns: list[object] = []

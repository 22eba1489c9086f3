"""Which questions and votes of a client are accepted, and how many."""

from typing import Any

from rest_framework import serializers
from rest_framework.throttling import UserRateThrottle

DAY = 24 * 60  # minutes


class Question(serializers.Serializer):
    """A question with its options, and how long they can be voted for."""

    question = serializers.CharField(max_length=140)
    options = serializers.ListField(
        child=serializers.CharField(max_length=60), min_length=2, max_length=6
    )
    minutes = serializers.IntegerField(min_value=1, max_value=7 * DAY, default=10)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        poll = self.context["poll"]
        if poll and poll["is_open"]:
            raise serializers.ValidationError("Another poll is open.")
        return attrs


class Vote(serializers.Serializer):
    """The number of an option, counted from 0."""

    option = serializers.IntegerField(min_value=0)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        poll = self.context["poll"]
        if not poll or not poll["is_open"]:
            raise serializers.ValidationError("The poll is not open.")
        if attrs["option"] >= len(poll["options"]):
            raise serializers.ValidationError("There is no such option.")
        return attrs


class PollThrottle(UserRateThrottle):
    """By user, or by address: each visit of the page without a cookie is a voter."""

    scope = "poll"
    rate = "120/min"


def checked(
    serializer: type[serializers.Serializer], data: Any, poll: dict[str, Any] | None
) -> dict[str, Any]:
    """Valid data of a client for the present poll; else the answer is 400."""
    form = serializer(data=data, context={"poll": poll})
    form.is_valid(raise_exception=True)
    return dict(form.data)

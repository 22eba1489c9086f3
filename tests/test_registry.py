"""Which classes are parties, and under which names; SPEC R3, R4."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from partyrooms import Room, registry
from partyrooms.exceptions import UnknownParty


@pytest.fixture(autouse=True)
def _empty(monkeypatch):
    """No class of another test is in the way, and none of these stays."""
    monkeypatch.setattr(registry, "_classes", {})


@pytest.mark.parametrize(
    ("class_name", "party"),
    [
        ("Chat", "chat"),
        ("ChatRoom", "chat-room"),
        ("HTTPRoom", "http-room"),
        ("RoomHTTP", "room-http"),
        ("Room2Go", "room2-go"),
        ("chat", "chat"),
        ("Chat_Room", "chat-room"),
        ("_Chat", "chat"),
    ],
)
def test_r3_a_class_name_becomes_kebab_case(class_name, party):
    """R3: words begin where a capital does; abbreviations are one word."""
    assert registry.party_name(class_name) == party


def test_r3_a_class_is_found_under_its_own_name():
    """R3: the default is made of the class name."""

    class ChatRoom(Room): ...

    assert registry.get("chat-room") is ChatRoom
    assert ChatRoom.party == "chat-room"


def test_r3_the_attribute_party_comes_first():
    """R3: and the class name is not registered then."""

    class ChatRoom(Room):
        party = "talk"

    assert registry.get("talk") is ChatRoom
    assert registry.names() == ("talk",)


def test_r3_a_subclass_is_a_party_of_its_own():
    """R3: it does not inherit the name of its parent."""

    class Chat(Room):
        party = "talk"

    class Debate(Chat): ...

    assert registry.get("talk") is Chat
    assert registry.get("debate") is Debate


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "x" * 64])
def test_r3_names_that_can_be(name):
    """R3: a letter or digit, then up to 63 letters, digits, - and _."""
    room_class = type("Chat", (Room,), {"party": name})

    assert registry.get(name) is room_class


@pytest.mark.parametrize(
    "name", ["", "Chat", "-a", "_a", "a b", "a/b", "a\n", "é", "x" * 65, None, 3]
)
def test_r3_names_that_cannot_be(name):
    """R3: the error names the class and where to set another one."""
    with pytest.raises(ImproperlyConfigured, match=r"Chat: .*class attribute `party`"):
        type("Chat", (Room,), {"party": name})

    assert registry.names() == ()


def test_r3_two_classes_of_one_name_are_an_error_that_names_both():
    """R3: the first one stays."""

    class First(Room):
        party = "chat"

    with pytest.raises(ImproperlyConfigured) as caught:

        class Second(Room):
            party = "chat"

    assert "First and " in str(caught.value)
    assert "Second. Give one of them another name" in str(caught.value)
    assert registry.get("chat") is First


def test_a_module_that_is_imported_again_replaces_its_classes():
    """A reload defines the same class anew."""

    def define():
        class Chat(Room): ...

        return Chat

    define()

    again = define()

    assert registry.get("chat") is again


def test_r4_an_abstract_class_is_no_party():
    """R4: but what inherits from it is one, unless it says so itself."""

    class Base(Room):
        abstract = True

    class Chat(Base): ...

    class OtherBase(Chat):
        abstract = True

    assert registry.names() == ("chat",)
    assert (Base.abstract, Chat.abstract, OtherBase.abstract) == (True, False, True)


def test_an_unknown_party_is_told_with_those_that_exist():
    """It is most often a misspelling."""

    class Chat(Room): ...

    class Board(Room): ...

    with pytest.raises(UnknownParty) as caught:
        registry.get("chatt")

    assert "chatt" in str(caught.value)
    assert "board, chat" in str(caught.value)


def test_names_are_in_alphabetical_order():
    """Whatever the order of their classes."""

    class Chat(Room): ...

    class Board(Room): ...

    assert registry.names() == ("board", "chat")

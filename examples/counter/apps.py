from django.apps import AppConfig


class CounterConfig(AppConfig):
    name = "examples.counter"
    label = "example_counter"

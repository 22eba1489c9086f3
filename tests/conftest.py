"""What every test can ask for."""

from hypothesis import HealthCheck, settings

# No verdict by time: on a loaded machine an example, or making one, takes seconds.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

"""URLs behind a language prefix."""

from django.conf.urls.i18n import i18n_patterns
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = i18n_patterns(
    path("about/", lambda request: HttpResponse("about")),
    path("", include("partyrooms.urls")),
)

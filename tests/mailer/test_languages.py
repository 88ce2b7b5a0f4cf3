import pytest

from mailer.languages import choose, official_languages


@pytest.mark.parametrize(
    ("available", "languages", "country", "chosen"),
    [
        (["en", "pt"], ["pt-BR"], "", "pt"),
        (["pt", "pt-BR"], ["pt-BR"], "", "pt-BR"),
        (["pt", "pt-BR"], ["pt-PT"], "", "pt"),
        (["en", "fr-CA"], ["fr"], "", "fr-CA"),
        (["en", "zh-Hant"], ["zh-Hant-TW"], "", "zh-Hant"),
        (["en", "PT-br"], ["pt_BR"], "", "PT-br"),
        (["en", "fr", "de"], ["it", "de", "fr"], "", "de"),
        (["en", "fr", "de"], ["it"], "FR", "fr"),
        (["en", "fr", "de"], [], "FR", "fr"),
        (["en", "fr", "de"], [], "BE", None),
        (["en", "nb"], ["no"], "", "nb"),
        (["en", "no"], [], "NO", "no"),
        (["en", "sr"], [], "RS", "sr"),
        (["en", "uk"], [], "UA", "uk"),
        (["en", "fr"], [], "US", "en"),
        (["en", "fr"], [""], "", None),
        (["en", "fr"], ["e"], "XX", None),
        ([], ["en"], "GB", None),
    ],
)
def test_own_languages_come_first_then_the_countrys(
    available: list[str], languages: list[str], country: str, chosen: str | None
) -> None:
    assert choose(available, languages, country, "en", "skip") == chosen
    last = "en" if "en" in available else None
    assert choose(available, languages, country, "en", "default") == (chosen or last)


def test_countries_with_several_official_languages_have_none_of_their_own() -> None:
    assert set(official_languages("BE")) == {"nl", "fr", "de"}
    assert official_languages("de") == ("de",)
    assert official_languages("XX") == ()

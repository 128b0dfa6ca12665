#!/usr/bin/env python3
"""Makes `made.tsv`, the larger part of the labelled values: `python3 tests/detectors/make.py`.

Each line has the name of a field, a value, and the detectors that should find something in it (`-`: none).
Check digits are computed here, and nothing is shared with segprep. Everything is made up: domains of RFC 2606,
numbers and addresses that are reserved for documentation and fiction, test ranges of cards, banks without a code.
"""

import random
from pathlib import Path

SEED = 20_260_301
OUT = Path(__file__).with_name("made.tsv")

r = random.Random(SEED)
lines = []

# Names that say nothing.
NEUTRAL = ["note", "value", "Comment", "field_7", "Attributes.Text", "bemerkung", "remarque", "備考", "extra", "custom1"]


def add(name, value, *expected):
    lines.append(f"{name}\t{value}\t{','.join(sorted(expected)) or '-'}")


def pick(items):
    return items[int(r.random() * len(items))]


def digits(count):
    return "".join(str(int(r.random() * 10)) for _ in range(count))


def below(limit):
    return int(r.random() * limit)


def hexes(count, upper=False):
    text = "".join(pick("0123456789abcdef") for _ in range(count))
    return text.upper() if upper else text


def wide(text):
    """The same in full-width characters."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def hidden(text):
    """The same with a zero-width space somewhere inside."""
    at = 1 + below(len(text) - 1)
    return text[:at] + "\u200b" + text[at:]


FIRST = ["ada", "zoe", "kwame", "lucia", "benedikt", "misaki", "cenek", "ioana", "j.r", "anna-lena"]
LAST = ["andrade", "brandt", "okafor", "lindqvist", "tanaka", "dvorak", "o.neill", "castaneda"]
HOSTS = ["example.com", "example.org", "example.net", "mail.example.com", "post.customers.example.org"]
TEXTS = [
    "please write to {}",
    "{} (private)",
    "Bitte an {} senden.",
    "écrire à {}, merci",
    "contacto: {}",
    "連絡先は{}です",
    "old: {}; new: unknown",
    "<{}>",
    '"{}"',
]


def inside(value):
    return pick(TEXTS).format(value)


def email():
    local = f"{pick(FIRST)}.{pick(LAST)}"
    local += pick(["", "", str(below(2000)), "+news", "_x"])
    return f"{local}@{pick(HOSTS)}"


def emails():
    names = ["email", "customerEmail", "E-Mail-Adresse", "courriel", "correo electrónico", "endereço de email",
             "indirizzo email", "e-mailadres", "メールアドレス", "MAIL_ADDRESS"]
    for _ in range(180):
        add(pick(NEUTRAL + names), email(), "email")
    for _ in range(60):
        add(pick(NEUTRAL), inside(email()), "email")
    for _ in range(20):
        add(pick(NEUTRAL), wide(email()), "email")
        add(pick(NEUTRAL), hidden(email()), "email")
        add(pick(NEUTRAL), email().upper(), "email")
        add(pick(NEUTRAL), email().replace("@", "%40"), "email")
        add(pick(NEUTRAL), email().replace("@", pick([" @ ", "(at)", " [at] "])), "email")
        add(pick(NEUTRAL), f"{pick(FIRST)}@{pick(['bücher', 'café', '例え'])}.example", "email")
    for _ in range(30):
        add(pick(NEUTRAL), f"@{pick(FIRST)}")
        add(pick(NEUTRAL), f"{pick(FIRST)} @ {below(24)}:00")
        add(pick(NEUTRAL), f"icon@{1 + below(3)}x.png")
        add(pick(NEUTRAL), f"package@{below(9)}.{below(20)}.{below(9)}")
        add(pick(names), pick(["yes", "true", "none", "2025-03-14", "opted in", "weekly"]))


def phone():
    """A number with the country's code, as E.164."""
    area = pick(["201", "202", "206", "212", "312", "415", "503", "617", "718"])
    return pick([
        f"+1{area}55501{digits(2)}",
        f"+4420794601{digits(2)}",
        f"+447700900{digits(3)}",
        f"+493023125{digits(3)}",
        f"+339900{digits(2)}{digits(2)}1",
        f"+6125550{digits(4)}",
    ])


def spaced(number):
    """The number as people write it."""
    cut = 3 if number.startswith(("+44", "+49", "+33", "+61")) else 2
    rest = number[cut:]
    separator = pick([" ", "-", ".", " "])
    first = f"({rest[:3]})" if r.random() < 0.2 else rest[:3]
    return separator.join([number[:cut], first, rest[3:6], rest[6:]])


def phones():
    names = ["phone", "mobile_number", "Telefon privat", "handynummer", "téléphone", "teléfono", "telemóvel",
             "cellulare", "telefoonnummer", "携帯電話番号", "SMS", "whatsapp", "Telefonnummer"]
    for _ in range(120):
        add(pick(NEUTRAL), phone(), "phone")
        add(pick(NEUTRAL + names), spaced(phone()), "phone")
    for _ in range(40):
        add(pick(NEUTRAL), inside(spaced(phone())), "phone")
        add(pick(names), pick([f"(202) 555-01{digits(2)}", f"202-555-01{digits(2)}", f"030 23125{digits(3)}",
                               f"030/23125{digits(3)}", f"020 7946 01{digits(2)}", f"01 99 00 {digits(2)} {digits(2)}"]), "phone")
        add(pick(names), pick(["202", "0", "030 23125", "0171"])[:3] + digits(7), "phone")
    for _ in range(15):
        add(pick(NEUTRAL), f"(202) 555-01{digits(2)}", "phone")
        add(pick(NEUTRAL), f"202-555-01{digits(2)}", "phone")
        add(pick(NEUTRAL), "00" + spaced(phone())[1:], "phone")
        add(pick(NEUTRAL), wide(phone()), "phone")
        add(pick(NEUTRAL), hidden(phone()), "phone")
        add(pick(names), f"{phone()} ext. {digits(3)}", "phone")
    for _ in range(40):
        add(pick(NEUTRAL), digits(8))
        add(pick(NEUTRAL), f"{1 + below(9)}{digits(9)}")
        add(pick(NEUTRAL), f"+{1 + below(40)} points")
        add(pick(NEUTRAL), f"+{below(90)}.{digits(6)}")
        add(pick(names), pick(["iPhone", "yes", "unknown", "prefers e-mail", "2025-03-14", "0"]))


def luhn(number):
    """The number with its check digit."""
    total = 0
    for at, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if at % 2 == 0 else 1)
        total += value // 10 + value % 10
    return number + str(-total % 10)


def card():
    start, length = pick([("400000", 16), ("411111", 16), ("555555", 16), ("222300", 16), ("378282", 15),
                          ("601111", 16), ("353011", 16), ("305693", 14), ("620000", 16), ("401288", 13)])
    return luhn(start + digits(length - len(start) - 1))


def in_fours(number, separator):
    return separator.join(number[at:at + 4] for at in range(0, len(number), 4))


def cards():
    names = ["card", "credit card number", "kreditkarte", "numéro de carte", "tarjeta", "カード番号"]
    for _ in range(120):
        add(pick(NEUTRAL + names), card(), "card")
        add(pick(NEUTRAL), in_fours(card(), pick([" ", "-", "."])), "card")
    for _ in range(30):
        add(pick(NEUTRAL), inside(in_fours(card(), " ")), "card")
        add(pick(NEUTRAL), wide(card()), "card")
        add(pick(NEUTRAL), " ".join(card()), "card")
        add(pick(NEUTRAL), hidden(card()), "card")
        add(pick(NEUTRAL), in_fours(card(), "\u00a0"), "card")
    for _ in range(90):
        number = card()
        add(pick(NEUTRAL + names[1:]), number[:-1] + str((int(number[-1]) + 1 + below(8)) % 10))
        add(pick(["order_id", "tracking", "transaction", "ean", "Bestellnummer"]), digits(16))
        add(pick(["tracking", "ref"]), digits(20))


# Country, and the form of its account number: digits, or letters.
IBANS = [("DE", "0" * 8 + "d" * 10), ("FR", "0" * 10 + "d" * 11 + "00"), ("GB", "AAAA" + "0" * 6 + "d" * 8),
         ("NL", "AAAA" + "d" * 10), ("ES", "0" * 8 + "00" + "d" * 10), ("IT", "A" + "0" * 10 + "d" * 12),
         ("PT", "0" * 8 + "d" * 11 + "00"), ("CH", "0" * 5 + "d" * 12), ("AT", "0" * 5 + "d" * 11),
         ("BE", "000" + "d" * 9), ("NO", "0" * 4 + "d" * 7), ("SE", "000" + "d" * 17), ("PL", "0" * 8 + "d" * 16)]


def iban():
    country, form = pick(IBANS)
    account = "".join(digits(1) if c == "d" else pick("ABCDEFGH") if c == "A" else c for c in form)
    number = "".join(str(int(c, 36)) for c in account + country + "00")
    return f"{country}{98 - int(number) % 97:02}{account}"


def ibans():
    names = ["iban", "Bankverbindung", "kontonummer", "compte bancaire", "cuenta bancaria", "rekeningnummer"]
    for _ in range(120):
        add(pick(NEUTRAL + names), iban(), "iban")
        add(pick(NEUTRAL), in_fours(iban(), " "), "iban")
    for _ in range(25):
        add(pick(NEUTRAL), inside(in_fours(iban(), " ")), "iban")
        add(pick(NEUTRAL), iban().lower(), "iban")
        add(pick(NEUTRAL), wide(iban()), "iban")
        add(pick(NEUTRAL), in_fours(iban(), "-"), "iban")
    for _ in range(90):
        number = iban()
        wrong = f"{(int(number[2:4]) + 1 + below(90)) % 100:02}"
        if wrong != number[2:4] and int(wrong) > 1:
            add(pick(NEUTRAL + names), number[:2] + wrong + number[4:])
        add(pick(["sku", "serial", "voucher"]), pick("ABCDEFG") + pick("XYZ") + digits(18))


def ipv4():
    return pick([f"192.0.2.{below(256)}", f"198.51.100.{below(256)}", f"203.0.113.{below(256)}",
                 f"10.{below(256)}.{below(256)}.{20 + below(230)}"])


def ipv6():
    return pick([f"2001:db8::{hexes(4)}", f"2001:db8:{hexes(4)}:{hexes(4)}::{1 + below(9)}",
                 "2001:0db8:" + ":".join(hexes(4) for _ in range(6)), f"::ffff:{ipv4()}"])


def ips():
    names = ["ip", "client_ip", "IP-Adresse", "adresse ip", "dirección ip", "ipアドレス", "remoteAddr"]
    for _ in range(130):
        add(pick(NEUTRAL + names), ipv4(), "ip")
        add(pick(NEUTRAL + names), ipv6(), "ip")
    for _ in range(25):
        add(pick(NEUTRAL), inside(ipv4()), "ip")
        add(pick(NEUTRAL), f"{ipv4()}:{1024 + below(9000)}", "ip")
        add(pick(NEUTRAL), ipv6().upper(), "ip")
        add(pick(NEUTRAL), wide(ipv4()), "ip")
        add(pick(names), f"{1 + below(18)}.{below(19)}.{below(19)}.{below(19)}", "ip")
    for _ in range(40):
        add(pick(["app_version", "firmware", "buildVersion", "Version"]), f"{below(20)}.{below(20)}.{below(20)}.{below(20)}")
        add(pick(NEUTRAL), f"{below(20)}.{below(20)}.{below(20)}")
        add(pick(NEUTRAL), f"{300 + below(600)}.{below(256)}.{below(256)}.{below(256)}")
        add(pick(NEUTRAL), f"{below(24):02}:{below(60):02}:{below(60):02}")
        add(pick(NEUTRAL), pick(["127.0.0.1", "0.0.0.0", "::1", "255.255.255.255"]))
        add(pick(NEUTRAL), f"1.{below(9)}.{below(9)}.{below(9)}.{below(9)}")


def macs():
    names = ["mac", "mac_address", "MAC-Adresse", "bssid"]
    for _ in range(90):
        add(pick(NEUTRAL + names), ":".join(hexes(2) for _ in range(6)), "mac")
        add(pick(NEUTRAL + names), "-".join(hexes(2, True) for _ in range(6)), "mac")
    for _ in range(25):
        add(pick(NEUTRAL), ".".join(hexes(4) for _ in range(3)), "mac")
        add(pick(NEUTRAL), inside(":".join(hexes(2) for _ in range(6))), "mac")
    for _ in range(40):
        add(pick(NEUTRAL), ":".join(hexes(2) for _ in range(5)))
        add(pick(NEUTRAL), ":".join(hexes(2) for _ in range(20)))
        add(pick(NEUTRAL), pick(["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"]))


def ssn():
    area = pick([1 + below(665), 667 + below(232)])
    return f"{area:03}-{1 + below(99):02}-{1 + below(9999):04}"


def ssns():
    names = ["ssn", "social security number", "SocialSecurity", "tax_id", "seguro social"]
    for _ in range(120):
        add(pick(NEUTRAL + names), ssn(), "us_ssn")
        add(pick(names), ssn().replace("-", ""), "us_ssn")
    for _ in range(25):
        add(pick(NEUTRAL), ssn().replace("-", " "), "us_ssn")
        add(pick(NEUTRAL), inside(ssn()), "us_ssn")
        add(pick(NEUTRAL), wide(ssn()), "us_ssn")
    for _ in range(50):
        add(pick(NEUTRAL + names), pick([f"000-{digits(2)}-{digits(4)}", f"666-{digits(2)}-{digits(4)}",
                                         f"9{digits(2)}-{digits(2)}-{digits(4)}", f"123-00-{digits(4)}"]))
        add(pick(["zip", "order", "code"]), digits(9))
        add(pick(NEUTRAL), f"{digits(3)}-{digits(2)}-{digits(5)}")


MONTHS = {"en": "January February March April May June July August September October November December",
          "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
          "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
          "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
          "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
          "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
          "nl": "januari februari maart april mei juni juli augustus september oktober november december"}


def birth_dates():
    names = ["birthday", "date_of_birth", "DOB", "Geburtsdatum", "date de naissance", "fecha de nacimiento",
             "data de nascimento", "data di nascita", "geboortedatum", "生年月日", "birthDate"]
    for _ in range(240):
        year, month, day = 1925 + below(90), 1 + below(12), 1 + below(28)
        named = pick(list(MONTHS.values())).split()[month - 1]
        add(pick(names), pick([f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}", f"{month}/{day}/{year}",
                               f"{day}/{month}/{year}", f"{year}{month:02}{day:02}", f"{year}/{month:02}/{day:02}",
                               f"{year}年{month}月{day}日", f"{day} {named} {year}", f"{day}. {named} {year}",
                               f"{year}-{month:02}-{day:02}T00:00:00Z", f"{year}-{month:02}-{day:02} 00:00:00",
                               f"{day:02}.{month:02}.{year % 100:02}", wide(f"{year}-{month:02}-{day:02}")]), "birth_date")
    for _ in range(90):
        year, month, day = 1995 + below(30), 1 + below(12), 1 + below(28)
        add(pick(["signup_date", "last_seen", "created", "Bestelldatum", "fecha", "登録日"]), f"{year}-{month:02}-{day:02}")
        add(pick(names), pick([str(year), f"{year}-{month:02}", f"{year}-Q{1 + below(4)}", "unknown", "yes", f"{day}",
                               f"{year}-{13 + below(80)}-{day:02}"]))


def coordinates():
    names = ["latitude", "lng", "geo_lat", "Breitengrad", "longitud", "latitudine", "緯度", "gps"]
    for _ in range(100):
        latitude, longitude = r.random() * 180 - 90, r.random() * 360 - 180
        add(pick(NEUTRAL), f"{latitude:.{4 + below(4)}f}{pick([',', ', ', ' ', ';'])}{longitude:.{4 + below(4)}f}", "coordinates")
        add(pick(names), f"{latitude:.{2 + below(5)}f}", "coordinates")
        add(pick(["coordinates", "latlng", "koordinaten", "location coordinates"]), f"{latitude:.3f},{longitude:.3f}", "coordinates")
    for _ in range(15):
        add(pick(NEUTRAL), f"{below(90)}°{below(60)}'{below(60)}\"N", "coordinates")
        add(pick(NEUTRAL), inside(f"{r.random() * 80:.5f}, {r.random() * 170:.5f}"), "coordinates")
    for _ in range(70):
        add(pick(["price", "total", "score", "Umsatz"]), f"{below(900)}.{digits(2)}")
        add(pick(NEUTRAL), f"{below(90)}.{digits(2)}, {below(90)}.{digits(2)}")
        add(pick(NEUTRAL), f"{91 + below(8)}.{digits(5)}, {below(99)}.{digits(5)}")


def credential_urls():
    word = lambda: "".join(pick("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(12))
    for _ in range(90):
        add(pick(NEUTRAL + ["url", "dsn", "link"]), f"{pick(['https', 'ftp', 'postgres', 'mongodb+srv', 'redis'])}://{pick(FIRST)}:{word()}@{pick(HOSTS)}/{pick(['', 'a', 'db'])}",
            "credential_url")
        key = pick(["token", "access_token", "api_key", "password", "sig", "X-Amz-Signature", "client_secret"])
        add(pick(NEUTRAL + ["url", "link"]), f"https://{pick(HOSTS)}/{pick(['a', 'reset', 'v1/x'])}?{pick(['', 'id=7&'])}{key}={word()}", "credential_url")
    for _ in range(90):
        add(pick(NEUTRAL + ["url", "link"]), f"https://{pick(HOSTS)}:{below(9000)}/{word()}?{pick(['id', 'page', 'q', 'utm_source'])}={word()}")
        add(pick(NEUTRAL), f"https://{pick(HOSTS)}/@{pick(FIRST)}/status/{digits(9)}")


def uuid(upper=False):
    return "-".join(hexes(count, upper) for count in (8, 4, 4, 4, 12))


def device_ids():
    names = ["idfa", "GAID", "advertising_id", "deviceId", "android_id", "Werbe-ID", "Geräte-ID", "広告ID", "identifiant publicitaire", "imei"]
    for _ in range(90):
        add(pick(names), uuid(r.random() < 0.5), "device_id")
        add(pick(names), hexes(pick([16, 32, 40])), "device_id")
        add(pick(names), luhn("35" + digits(12)), "device_id")
    for _ in range(90):
        add(pick(["order_id", "session", "Id", "request", "correlation"]), uuid())
        add(pick(names), pick(["00000000-0000-0000-0000-000000000000", "none", "limited", "unknown"]))


def push_tokens():
    names = ["push_token", "deviceToken", "fcm token", "registration_id", "apns_token"]
    base64 = lambda count: "".join(pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") for _ in range(count))
    for _ in range(80):
        add(pick(NEUTRAL + names), f"{base64(22)}:APA91b{base64(134)}", "push_token")
        add(pick(names), hexes(64), "push_token")
        add(pick(NEUTRAL), hexes(pick([64, 80, 160]), r.random() < 0.3), "push_token")
    for _ in range(20):
        add(pick(NEUTRAL), f"ExponentPushToken[{base64(22)}]", "push_token")
    for _ in range(60):
        add(pick(["sha1", "etag", "commit", "md5"]), hexes(pick([32, 40])))
        add(pick(names), pick(["none", "expired", "unknown"]))
        add(pick(NEUTRAL), "0" * 64)


def secrets():
    upper = lambda count: "".join(pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(count))
    base62 = lambda count: "".join(pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") for _ in range(count))
    made = [
        lambda: pick(["AKIA", "ASIA"]) + upper(16),
        lambda: f"-----BEGIN {pick(['', 'RSA ', 'EC ', 'OPENSSH '])}PRIVATE KEY-----",
        lambda: f"eyJ{base62(17)}.eyJ{base62(40)}.{base62(43)}",
        lambda: f"gh{pick('pous')}_{base62(36)}",
        lambda: f"glpat-{base62(20)}",
        lambda: f"AIza{base62(35)}",
        lambda: f"xoxb-{digits(12)}-{base62(24)}",
        lambda: f"{pick(['sk', 'rk'])}_live_{base62(24)}",
        lambda: f"SG.{base62(22)}.{base62(43)}",
        lambda: f"SK{hexes(32)}",
        lambda: f"npm_{base62(36)}",
    ]
    for _ in range(160):
        add(pick(NEUTRAL), pick(made)(), "secret")
    for _ in range(40):
        add(pick(NEUTRAL), inside(pick(made[:1] + made[2:])()), "secret")
        add(pick(["password", "Passwort", "mot de passe", "contraseña", "senha", "wachtwoord", "パスワード", "api_key", "clientSecret"]),
            base62(8 + below(20)), "secret")
        add(pick(NEUTRAL), f"{pick(['password', 'Passwort', 'mot de passe', 'senha'])}{pick([': ', '=', ' = '])}{base62(9)}", "secret")
    for _ in range(50):
        add(pick(["password_hint_shown", "passwordChanged", "password_required"]), pick(["true", "2025-03-14", "yes"]))
        add(pick(NEUTRAL), pick(["forgot password", "your password was reset", "eyJ is how tokens begin", "AKIA", "sk_test", "passwort vergessen"]))
        add(pick(["sku", "coupon", "ref"]), upper(10))


def person_names():
    names = ["first_name", "lastName", "Name", "FULLNAME", "Vorname", "Nachname", "prénom", "nom de famille", "nombre",
             "apellidos", "sobrenome", "cognome", "achternaam", "氏名", "お名前", "customer name", "Ansprechpartner"]
    people = ["Zoë", "Kwame Okafor", "田中 美咲", "O'Neill", "Jürgen", "MARIA DA SILVA", "Lindqvist, Åsa", "李", "Ioana-Maria", "de Vries"]
    others = ["company_name", "productName", "file name", "campaign_name", "Firmenname", "nom du produit", "nombre de la empresa",
              "hostname", "event name", "plan_name", "会社名", "商品名前", "store_name"]
    for _ in range(200):
        add(pick(names), pick(people), "person_name")
    for _ in range(100):
        add(pick(others), pick(["Acme", "Blue shirt", "report.pdf", "Spring sale", "Gold"]))
        add(pick(NEUTRAL), pick(people))
        add(pick(names), pick(["", "123", "-", "42"]) or "-")


def streets():
    names = ["street", "address_line_1", "Straße", "Anschrift", "adresse", "calle", "dirección", "endereço", "indirizzo", "straatnaam",
             "住所", "billing address", "shippingAddress1", "Lieferadresse", "rua"]
    places = ["Hauptstr. 12", "12 Main Street", "4, rue de la Paix", "Calle Mayor 3", "Rua Augusta 100", "Via Roma 7", "Dorpsstraat 5", "東京都千代田区1-1"]
    others = ["ip_address", "email address", "mac_address", "web address", "E-Mail-Adresse", "IP-Adresse", "adresse ip", "wallet address"]
    for _ in range(180):
        add(pick(names), pick(places), "street")
    for _ in range(70):
        add(pick(others), pick(["unknown", "none", "yes"]))
        add(pick(NEUTRAL), pick(["Main entrance", "second floor", "zweiter Stock"]))


def own():
    for _ in range(60):
        add(pick(NEUTRAL + ["email", "phone", "first name"]), f"hmac:{pick(['k1', 'demo', '2026-q1'])}:{hexes(pick([64, 32, 24]))}", "own_token")
        add(pick(NEUTRAL + ["email", "phone", "first name"]), pick(["Z**", "****", "k***@*******.***", "+*********42", "****-****-****-1234", "•••", "[redacted]"]), "own_mask")
    for _ in range(30):
        add(pick(NEUTRAL), pick(["hmac:k1:zz", "hmac:k1:", "5 * 3 = 15", "see note *", "a*b*c = d"]))
        add("note", f"hmac:k1:{hexes(64)} ada@example.com", "email")


SENTENCES = ["size L, blue", "2 for 1", "order 4711 was shipped", "100 % cotton", "Größe 42 – neu", "next-day delivery", "café crème",
             "the \"best\" one", "v2.3.1", "2025-10-25T09:10:06Z", "39.90", "1e3", "a/b test", "https://www.example.com/p?id=7", "en_US",
             "Europe/Berlin", "日本語", "naïve", "🎉 winner", "C++", "3/4", "50-60", "0042", "#1", "1,234.50 EUR", "true", "12:30", "Q3 2025",
             "iPhone15,2", "room 12-34-56", "12 x 34 x 56 cm", "ISBN 978-3-16-148410-0", "1700000000", "1700000000000"]


def ordinary():
    names = ["plan", "Interests", "last_search", "size", "color", "status", "score", "source", "Tarif", "langue", "タグ"]
    for _ in range(350):
        add(pick(NEUTRAL + names), pick(SENTENCES))


for section in (emails, phones, cards, ibans, ips, macs, ssns, birth_dates, coordinates, credential_urls, device_ids,
                push_tokens, secrets, person_names, streets, own, ordinary):
    section()
OUT.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
print(f"{len(lines)} values")

"""How often the encoding of subtitles is guessed right, by how many lines of words there are.

python benchmarks/subtitle_encodings.py
"""

from __future__ import annotations

from vidsearch.media.encodings import decode

SAMPLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Russian": (
        (
            "Привет, как дела?",
            "Я не знаю, что сказать.",
            "Где ты был вчера вечером?",
            "Мы должны идти домой, уже поздно.",
            "- Спасибо! - Пожалуйста.",
        ),
        ("cp1251", "koi8_r"),
    ),
    "Ukrainian": (
        (
            "Привіт, як справи?",
            "Я не знаю, що сказати.",
            "Де ти був учора ввечері?",
            "Їй п'ять років, а йому шість.",
        ),
        ("cp1251",),
    ),
    "Bulgarian": (
        (
            "Здравей, как си?",
            "Не знам какво да кажа.",
            "Къде беше снощи?",
            "Трябва да се прибираме, късно е.",
        ),
        ("cp1251",),
    ),
    "Polish": (
        (
            "Cześć, jak się masz?",
            "Nie wiem, co powiedzieć.",
            "Gdzie byłeś wczoraj wieczorem?",
            "Musimy już iść, jest późno.",
            "Dziękuję! Proszę bardzo.",
        ),
        ("cp1250", "iso8859_2"),
    ),
    "Czech": (
        (
            "Ahoj, jak se máš?",
            "Nevím, co mám říct.",
            "Kde jsi byl včera večer?",
            "Musíme jít domů, už je pozdě.",
            "Příliš žluťoučký kůň.",
        ),
        ("cp1250",),
    ),
    "Hungarian": (
        (
            "Szia, hogy vagy?",
            "Nem tudom, mit mondjak.",
            "Hol voltál tegnap este?",
            "Haza kell mennünk, már késő van.",
            "Köszönöm! Szívesen. Őrült, bűvös.",
        ),
        ("cp1250",),
    ),
    "Romanian": (
        (
            "Bună, ce mai faci?",
            "Nu ştiu ce să spun.",
            "Unde ai fost aseară?",
            "Trebuie să mergem acasă, e târziu.",
        ),
        ("cp1250",),
    ),
    "Croatian": (
        (
            "Bok, kako si?",
            "Ne znam što da kažem.",
            "Gdje si bio sinoć?",
            "Moramo ići kući, već je kasno.",
            "Čovječe, đavo šalje žabu.",
        ),
        ("cp1250",),
    ),
    "French": (
        (
            "Ça va, mon frère ?",
            "Je ne sais pas quoi dire.",
            "Où étais-tu hier soir ?",
            "Nous devons rentrer, il est déjà tard.",
            "Voilà un élève très âgé.",
        ),
        ("cp1252",),
    ),
    "German": (
        (
            "Hallo, wie geht's dir?",
            "Ich weiß nicht, was ich sagen soll.",
            "Wo warst du gestern Abend?",
            "Wir müssen nach Hause, es ist spät.",
            "Schöne Grüße, tschüß!",
        ),
        ("cp1252",),
    ),
    "Spanish": (
        (
            "¿Cómo estás?",
            "No sé qué decir.",
            "¿Dónde estuviste anoche?",
            "Tenemos que ir a casa, ya es tarde mañana.",
        ),
        ("cp1252",),
    ),
    "Portuguese": (
        (
            "Olá, como você está?",
            "Não sei o que dizer.",
            "Onde você estava ontem à noite?",
            "Temos que ir, já é tarde, irmão. Coração.",
        ),
        ("cp1252",),
    ),
    "Swedish": (
        (
            "Hej, hur mår du?",
            "Jag vet inte vad jag ska säga.",
            "Var var du igår kväll?",
            "Vi måste gå hem, det är sent.",
        ),
        ("cp1252",),
    ),
    "Turkish": (
        (
            "Merhaba, nasılsın?",
            "Ne diyeceğimi bilmiyorum.",
            "Dün akşam neredeydin?",
            "Eve gitmemiz gerek, geç oldu. Şimdi ışık.",
        ),
        ("cp1254",),
    ),
    "Greek": (
        (
            "Γεια σου, τι κάνεις;",
            "Δεν ξέρω τι να πω.",
            "Πού ήσουν χθες το βράδυ;",
            "Πρέπει να πάμε σπίτι, είναι αργά.",
        ),
        ("cp1253",),
    ),
    "Hebrew": (
        (
            "שלום, מה שלומך?",
            "אני לא יודע מה להגיד.",
            "איפה היית אתמול בערב?",
            "אנחנו צריכים ללכת הביתה, כבר מאוחר.",
        ),
        ("cp1255",),
    ),
    "Arabic": (
        (
            "مرحبا، كيف حالك؟",
            "لا أعرف ماذا أقول.",
            "أين كنت الليلة الماضية؟",
            "يجب أن نذهب إلى البيت، لقد تأخر الوقت.",
        ),
        ("cp1256",),
    ),
    "Chinese, simplified": (
        (
            "你好，你怎么样？",
            "我不知道该说什么。",
            "你昨天晚上在哪里？",
            "我们得回家了，已经很晚了。",
            "谢谢！不客气。",
        ),
        ("gbk", "gb18030"),
    ),
    "Chinese, traditional": (
        (
            "你好，你怎麼樣？",
            "我不知道該說什麼。",
            "你昨天晚上在哪裡？",
            "我們得回家了，已經很晚了。",
            "謝謝！不客氣。",
        ),
        ("big5",),
    ),
    "Japanese": (
        (
            "こんにちは、元気ですか？",
            "何を言えばいいのか分からない。",
            "昨日の夜、どこにいたの？",
            "もう遅いから、家に帰らなければ。",
            "ありがとう！どういたしまして。",
        ),
        ("shift_jis", "euc_jp"),
    ),
    "Korean": (
        (
            "안녕하세요, 잘 지내세요?",
            "무슨 말을 해야 할지 모르겠어요.",
            "어젯밤에 어디 있었어요?",
            "집에 가야 해요, 너무 늦었어요.",
        ),
        ("cp949",),
    ),
    "Thai": (
        (
            "สวัสดี คุณสบายดีไหม",
            "ฉันไม่รู้จะพูดอะไร",
            "เมื่อคืนคุณอยู่ที่ไหน",
            "เราต้องกลับบ้านแล้ว ดึกมากแล้ว",
        ),
        ("cp874",),
    ),
}
"""Everyday lines in each language, and the encodings that files in it are found in."""


def subtitles(lines: tuple[str, ...]) -> str:
    """Return the lines as a SubRip file."""
    return "\n".join(
        f"{number}\n00:00:{number:02d},000 --> 00:00:{number:02d},900\n{line}\n"
        for number, line in enumerate(lines, start=1)
    )


def main() -> None:
    """Print a row for each number of lines."""
    for num_lines in (1, 2, 3, 5):
        wrong = []
        num_files = 0
        for language, (lines, encodings) in SAMPLES.items():
            for encoding in encodings:
                text = subtitles(lines[:num_lines])
                num_files += 1
                if decode(text.encode(encoding)).text != text:
                    wrong.append(f"{language} ({encoding})")
        print(
            f"{num_lines} lines: {num_files - len(wrong)} of {num_files}; wrong: {', '.join(wrong) or 'none'}"
        )


if __name__ == "__main__":
    main()

//! What columns are called, as data: the usual English names in full, and words of sixteen languages.
//!
//! Words are written as [`super::words::folded`] leaves them: lower case, without accents.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::words::{folded, words};

/// Names of columns that are the prompt.
pub const PROMPTS: &[&str] = &[
    "prompt",
    "question",
    "instruction",
    "query",
    "input",
    "text",
    "context",
    "subject",
    "title",
    "body",
    "message",
    "content",
    "sentence",
    "utterance",
    "problem",
    "request",
    "email",
    "review",
    "article",
    "document",
    "source_text",
    "user_message",
    "user_input",
    "customer_message",
];
/// The prompt only where no better name is: they may as well be a person's id, or whether a person is needed.
pub const SPEAKERS: &[&str] = &["user", "human"];
/// Names of columns that are the answer as a whole.
pub const ANSWERS: &[&str] = &[
    "completion",
    "answer",
    "response",
    "output",
    "assistant",
    "reply",
    "target",
    "solution",
    "summary",
    "translation",
    "gold",
    "expected",
    "expected_output",
    "assistant_message",
    "target_text",
    "chosen",
];
/// Names of columns that are one part of the answer, or its label.
pub const LABELS: &[&str] = &[
    "category",
    "label",
    "labels",
    "class",
    "intent",
    "sentiment",
    "topic",
    "priority",
    "urgency",
    "severity",
    "department",
    "label_text",
    "emotion",
    "tag",
];
pub const SYSTEMS: &[&str] = &["system", "system_prompt", "system_message"];
pub const SPLITS: &[&str] = &["split", "set", "subset", "fold", "partition"];
/// Names of columns that say when, the likeliest first.
pub const DATES: &[&str] = &[
    "date",
    "datetime",
    "date_time",
    "timestamp",
    "time",
    "created_at",
    "created",
    "createdat",
    "create_time",
    "creation_date",
    "sent_at",
    "received_at",
    "posted_at",
    "published_at",
];
/// Never guessed to be part of an example.
pub const KEYS: &[&str] = &["url", "source", "link", "href", "path", "file", "filename"];
/// Ids that are too short, or mean too much else, to be looked for within names.
const IDS: &[&str] = &["id", "no", "no.", "num", "number", "ref", "key", "#", "n", "n°", "№", "lp", "lfd"];

/// What a word of a name says of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Id,
    Date,
    System,
    Note,
    Label,
    Answer,
    Question,
    Group,
}

/// The first of these that a name's words say is what the column is: the `question_id` is an id, the `answer_date` a
/// date, the customer's question a question.
const BY_WEIGHT: [Kind; 8] =
    [Kind::Id, Kind::Date, Kind::System, Kind::Note, Kind::Label, Kind::Answer, Kind::Question, Kind::Group];

/// Whole words, by language: English, Spanish, French, Portuguese, Italian, Polish, Turkish, Russian, Arabic, Hindi,
/// Bengali.
const WORDS: &[(Kind, &str)] = &[
    (Kind::Id, "id ids idx index uuid guid identifier nr"),
    (Kind::Date, "date datetime timestamp time day created sent received posted published"),
    (Kind::System, "system"),
    (Kind::Note, "note notes comment comments remark remarks memo"),
    (Kind::Label, "category label class intent sentiment topic priority urgency severity department emotion tag type"),
    (Kind::Answer, "answer response reply completion output solution summary translation resolution assistant"),
    (
        Kind::Question,
        "question prompt instruction query message request inquiry enquiry email subject body text complaint",
    ),
    (Kind::Group, "customer client group thread conversation session case sender author account company patient"),
    (Kind::Id, "identificador numero codigo clave folio"),
    (Kind::Date, "fecha hora dia momento creado enviado"),
    (Kind::System, "sistema"),
    (Kind::Note, "nota notas observacion observaciones comentario comentarios anotacion"),
    (Kind::Label, "categoria clase etiqueta tema tipo prioridad urgencia departamento sentimiento area"),
    (Kind::Answer, "respuesta respuestas contestacion salida resultado solucion resumen traduccion"),
    (Kind::Question, "pregunta preguntas consulta mensaje texto asunto titulo solicitud peticion instruccion entrada"),
    (Kind::Question, "problema queja reclamo reclamacion contenido correo"),
    (Kind::Group, "cliente clienta grupo usuario caso remitente conversacion hilo"),
    (Kind::Id, "identifiant numero cle"),
    (Kind::Date, "heure horodatage jour cree envoye recu"),
    (Kind::System, "systeme"),
    (Kind::Note, "remarque remarques commentaire commentaires annotation"),
    (Kind::Label, "categorie classe etiquette theme priorite urgence service domaine"),
    (Kind::Answer, "reponse reponses sortie resultat corrige traduction resume"),
    (Kind::Question, "demande requete texte objet sujet titre consigne entree probleme reclamation contenu courriel"),
    (Kind::Group, "groupe utilisateur utilisatrice dossier expediteur cliente"),
    (Kind::Id, "protocolo chave"),
    (Kind::Date, "data criado enviado recebido"),
    (Kind::Note, "observacao observacoes anotacao"),
    (Kind::Label, "rotulo prioridade departamento setor sentimento"),
    (Kind::Answer, "resposta respostas saida solucao resumo traducao"),
    (Kind::Question, "pergunta perguntas questao mensagem assunto pedido solicitacao instrucao conteudo"),
    (Kind::Group, "utilizador conversa"),
    (Kind::Id, "identificativo codice chiave"),
    (Kind::Date, "ora giorno creato ricevuto"),
    (Kind::Note, "osservazione osservazioni commento commenti annotazione"),
    (Kind::Label, "etichetta argomento priorita urgenza reparto sentimento"),
    (Kind::Answer, "risposta risposte uscita risultato soluzione riassunto traduzione"),
    (Kind::Question, "domanda domande richiesta messaggio testo oggetto titolo istruzione ingresso reclamo quesito"),
    (Kind::Group, "gruppo utente mittente conversazione"),
    (Kind::Id, "numer identyfikator kod"),
    (Kind::Date, "czas godzina utworzono"),
    (Kind::Note, "uwaga uwagi notatka notatki komentarz"),
    (Kind::Label, "kategoria klasa etykieta rodzaj typ priorytet dzial"),
    (Kind::Answer, "odpowiedz odpowiedzi wynik rozwiazanie podsumowanie tlumaczenie"),
    (Kind::Question, "pytanie pytania zapytanie wiadomosc tekst temat tytul polecenie prosba tresc"),
    (Kind::Group, "klient grupa uzytkownik sprawa nadawca rozmowa"),
    (Kind::Id, "numara numarasi kimlik kodu"),
    (Kind::Date, "tarih tarihi saat zaman"),
    (Kind::System, "sistem"),
    (Kind::Note, "notlar aciklama yorum"),
    (Kind::Label, "kategori sinif etiket turu tip oncelik bolum duygu"),
    (Kind::Answer, "cevap cevabi yanit yaniti cikti sonuc cozum ozet ceviri"),
    (Kind::Question, "soru sorusu mesaj mesaji metin konu baslik istek talep komut girdi sikayet"),
    (Kind::Group, "musteri grup kullanici konusma vaka gonderen"),
    (Kind::Id, "номер код идентификатор ид"),
    (Kind::Date, "дата время создано"),
    (Kind::System, "система системный"),
    (Kind::Note, "примечание примечания заметка заметки комментарий комментарии"),
    (Kind::Label, "категория класс метка тип приоритет отдел тональность"),
    (Kind::Answer, "ответ ответы вывод результат решение перевод резюме"),
    (Kind::Question, "вопрос вопросы запрос сообщение текст тема заголовок инструкция обращение жалоба задание"),
    (Kind::Group, "клиент группа пользователь отправитель беседа"),
    (Kind::Id, "رقم معرف الرقم المعرف"),
    (Kind::Date, "تاريخ وقت التاريخ الوقت"),
    (Kind::System, "نظام النظام"),
    (Kind::Note, "ملاحظة ملاحظات الملاحظات تعليق"),
    (Kind::Label, "فئة الفئة تصنيف التصنيف نوع النوع أولوية الأولوية قسم"),
    (Kind::Answer, "جواب الجواب إجابة الإجابة رد الرد نتيجة حل"),
    (Kind::Question, "سؤال السؤال استفسار رسالة الرسالة نص النص طلب الطلب موضوع الموضوع شكوى"),
    (Kind::Group, "عميل العميل زبون الزبون مجموعة المجموعة مستخدم المستخدم"),
    (Kind::Id, "क्रमांक संख्या आईडी"),
    (Kind::Date, "दिनांक तारीख तिथि समय"),
    (Kind::Note, "टिप्पणी नोट"),
    (Kind::Label, "श्रेणी वर्ग लेबल प्रकार प्राथमिकता विभाग"),
    (Kind::Answer, "उत्तर जवाब परिणाम समाधान सारांश अनुवाद"),
    (Kind::Question, "प्रश्न सवाल संदेश पाठ विषय अनुरोध निर्देश शिकायत"),
    (Kind::Group, "ग्राहक समूह उपयोगकर्ता"),
    (Kind::Id, "ক্রমিক নম্বর আইডি"),
    (Kind::Date, "তারিখ সময়"),
    (Kind::Note, "মন্তব্য নোট টীকা"),
    (Kind::Label, "শ্রেণি শ্রেণী বিভাগ ধরন লেবেল অগ্রাধিকার"),
    (Kind::Answer, "উত্তর জবাব ফলাফল সমাধান সারাংশ অনুবাদ"),
    (Kind::Question, "প্রশ্ন বার্তা পাঠ্য বিষয় অনুরোধ নির্দেশ অভিযোগ"),
    (Kind::Group, "গ্রাহক দল ব্যবহারকারী"),
];

/// Words of German and Dutch, which also begin or end longer ones: `Kundenanfrage`, `Antworttext`.
const PARTS_OF_WORDS: &[(Kind, &str)] = &[
    (Kind::Id, "nr nummer kennung kennzeichen aktenzeichen schlussel kenmerk sleutel"),
    (Kind::Date, "datum zeit zeitpunkt uhrzeit zeitstempel tijd tijdstip"),
    (Kind::System, "system systeem"),
    (
        Kind::Note,
        "notiz notizen anmerkung bemerkung kommentar hinweis vermerk notitie opmerking aantekening toelichting",
    ),
    (
        Kind::Label,
        "kategorie klasse thema typ rubrik abteilung bereich prioritat prioritaet dringlichkeit stimmung urteil",
    ),
    (Kind::Label, "categorie soort prioriteit afdeling"),
    (
        Kind::Answer,
        "antwort erwiderung ausgabe ergebnis losung loesung reaktion zusammenfassung ubersetzung uebersetzung",
    ),
    (Kind::Answer, "bescheid antwoord reactie uitvoer resultaat oplossing samenvatting vertaling"),
    (
        Kind::Question,
        "frage anfrage nachricht text betreff titel anliegen eingabe beschwerde aufgabe anweisung mitteilung",
    ),
    (Kind::Question, "inhalt beschreibung vraag bericht tekst onderwerp verzoek opdracht invoer klacht inhoud"),
    (Kind::Group, "kunde kunden gruppe vorgang absender benutzer nutzer gesprach konversation sitzung firma"),
    (Kind::Group, "klant groep gebruiker afzender gesprek"),
];

/// Words of languages that write no spaces: found anywhere in a name.
const ANYWHERE: &[(Kind, &str)] = &[
    (Kind::Id, "编号 序号 单号 号码 編號 序號 號碼 番号 번호 아이디"),
    (Kind::Date, "日期 时间 時間 日付 日時 年月日 時刻 날짜 일자 일시 시간"),
    (Kind::System, "系统 系統 システム 시스템"),
    (Kind::Note, "备注 注释 评论 備註 註釋 備考 メモ 注記 コメント 비고 메모 코멘트"),
    (
        Kind::Label,
        "类别 分类 标签 类型 优先级 部门 情感 意图 類別 分類 標籤 類型 優先級 部門 カテゴリ 種別 種類 ラベル 優先度 部署",
    ),
    (Kind::Label, "区分 分野 ジャンル タグ クラス 感情 意図 种类"),
    (Kind::Label, "카테고리 분류 라벨 유형 종류 우선순위 부서 감정 구분 태그"),
    (
        Kind::Answer,
        "答案 回答 答复 回复 输出 结果 解答 摘要 翻译 译文 答覆 回覆 輸出 結果 翻譯 返信 答え 応答 返答 出力 要約 翻訳",
    ),
    (Kind::Answer, "답변 대답 응답 출력 결과 요약 번역"),
    (
        Kind::Question,
        "问题 提问 问句 咨询 消息 文本 内容 主题 标题 请求 指令 输入 投诉 問題 提問 訊息 內容 主旨 標題 請求 投訴",
    ),
    (Kind::Question, "質問 問い合わせ 問合せ メッセージ 本文 件名 文章 テキスト 依頼 指示 入力 タイトル"),
    (Kind::Question, "질문 문의 메시지 본문 제목 내용 요청 지시 입력 텍스트"),
    (Kind::Group, "客户 用户 分组 会话 客戶 用戶 顧客 お客様 ユーザー グループ 会話 고객 사용자 그룹 대화"),
];

/// Words that say that an answer is the wanted one, or that it isn't.
const WANTED: &str = "new final corrected correct expected best gold neu neue neuer korrigiert richtig nueva nuevo final \
    correcta nouveau nouvelle corrigee nova novo nuovo nuova nowa nowy poprawna yeni новый новая правильный 新 最终 修正 正解";
const UNWANTED: &str = "old previous wrong bad rejected draft model predicted prediction alt alte alter alten vorher falsch \
    entwurf anterior vieja viejo antigua mala ancien ancienne mauvaise brouillon antiga velha vecchia vecchio sbagliata \
    oud oude stara stary zla eski yanlis старый старая неправильный 旧 舊";

type Table = HashMap<String, Vec<Kind>>;

fn table(names: &[(Kind, &str)]) -> Table {
    let mut table = Table::new();
    for (kind, listed) in names {
        listed.split_whitespace().for_each(|word| table.entry(folded(word)).or_default().push(*kind));
    }
    table
}

static WHOLE: LazyLock<Table> = LazyLock::new(|| table(WORDS));
static PARTS: LazyLock<Table> = LazyLock::new(|| table(PARTS_OF_WORDS));
static INSIDE: LazyLock<Table> = LazyLock::new(|| table(ANYWHERE));

/// `Customer Message` → `customer_message`.
pub fn normalise(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-', '.'], "_")
}

/// What the name says, if it says anything.
pub fn kind_of(name: &str) -> Option<Kind> {
    if IDS.contains(&name.trim().to_lowercase().as_str()) {
        return Some(Kind::Id);
    }
    let words = words(name);
    let mut kinds: Vec<Kind> = words.iter().flat_map(|word| kinds_of_word(word)).collect();
    let whole = folded(name);
    kinds.extend(INSIDE.iter().filter(|(part, _)| whole.contains(part.as_str())).flat_map(|(_, kinds)| kinds));
    BY_WEIGHT.into_iter().find(|kind| kinds.contains(kind))
}

fn kinds_of_word(word: &str) -> Vec<Kind> {
    // Plurals of most languages that have letters.
    let singular = ["s", "es", "n", "en", "e"].iter().filter_map(|end| word.strip_suffix(end));
    let singular = singular.filter(|stem| stem.chars().count() >= 4);
    for form in std::iter::once(word).chain(singular) {
        if let Some(kinds) = WHOLE.get(form).or_else(|| PARTS.get(form)) {
            return kinds.clone();
        }
    }
    let is_long = |part: &str| part.len() >= 4;
    let ends = |part: &str| word.ends_with(part) && (is_long(part) || part == "nr") && word.len() >= part.len() + 2;
    let begins = |part: &str| word.starts_with(part) && part.len() >= 5 && word.len() >= part.len() + 2;
    PARTS.iter().filter(|(part, _)| ends(part) || begins(part)).flat_map(|(_, kinds)| kinds.clone()).collect()
}

/// Whether a name says that this is the wanted one of several answers, or that it isn't; `None` where it says neither.
pub fn is_wanted(name: &str) -> Option<bool> {
    let says = |list: &str| {
        let known = |word: &String| list.split_whitespace().any(|known| folded(known) == *word);
        let is_inside = |known: &str| !known.is_ascii() && known.chars().count() <= 2 && name.contains(known);
        words(name).iter().any(known) || list.split_whitespace().any(is_inside)
    };
    match (says(WANTED), says(UNWANTED)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are_in_many_languages() {
        use Kind::*;
        let check = |kind: Kind, names: &[&str]| {
            for name in names {
                assert_eq!(kind_of(name), Some(kind), "{name}");
            }
        };
        check(
            Id,
            &[
                "Nr",
                "No.",
                "ticket_id",
                "Ticketnummer",
                "KundenNr",
                "Número",
                "N°",
                "номер",
                "رقم",
                "编号",
                "番号",
                "क्रमांक",
            ],
        );
        check(
            Date,
            &[
                "Datum",
                "Eingangsdatum",
                "fecha de creación",
                "Data",
                "日期",
                "日時",
                "дата",
                "التاريخ",
                "তারিখ",
                "tarih",
            ],
        );
        check(Note, &["Anmerkungen", "Comentário", "备注", "примечание", "ملاحظات", "Opmerking", "note"]);
        check(
            Label,
            &[
                "Kategorie",
                "Catégorie",
                "categoría",
                "Категория",
                "类别",
                "カテゴリー",
                "区分",
                "商品区分",
                "ジャンル",
                "タグ",
                "분류",
                "구분",
                "श्रेणी",
                "شعار تصنيف",
                "ticket type",
            ],
        );
        check(
            Answer,
            &[
                "Antwort_neu",
                "Antworttext",
                "Kundenantwort",
                "Réponse",
                "respuesta del agente",
                "RESPOSTA",
                "Ответ",
                "回答",
            ],
        );
        check(
            Answer,
            &["الإجابة", "उत्तर", "উত্তর", "답변", "Odpowiedź", "cevap", "antwoord", "Risposta", "answers", "回复内容"],
        );
        check(
            Question,
            &[
                "Kundenanfrage",
                "Frage",
                "Nachricht des Kunden",
                "question_client",
                "Pregunta",
                "pergunta",
                "вопрос клиента",
            ],
        );
        check(
            Question,
            &["问题", "お問い合わせ内容", "질문", "प्रश्न", "প্রশ্ন", "السؤال", "Domanda", "vraag", "pytanie", "Soru"],
        );
        check(
            Group,
            &[
                "Kunde",
                "client",
                "Cliente",
                "клиент",
                "客户名称",
                "お客様名",
                "고객",
                "ग्राहक",
                "العميل",
                "klant",
                "müşteri",
            ],
        );
        check(System, &["Systemnachricht", "system prompt", "系统"]);
        for name in ["", "alpha", "x", "score", "Preis", "colour", "значение"] {
            assert_eq!(kind_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_new_answer_is_wanted_and_an_old_one_is_not() {
        let check = |name: &str, expected| assert_eq!(is_wanted(name), expected, "{name}");
        check("Antwort_neu", Some(true));
        check("Antwort_alt", Some(false));
        check("旧回答", Some(false));
        check("model answer", Some(false));
        check("Antwort", None);
    }
}

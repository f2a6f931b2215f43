/*
 * texts_de: what users read, in German.  No data but this table.
 */
#include "bridge/people/texts_inside.h"

const char *const texts_de[TEXT_COUNT] = {
    [TEXT_HELP_UNKNOWN] = "Das ist keines der Wörter, die ich kenne.",
    [TEXT_HELP_INTRO] =
        "Ich bin das Mail-Gateway. Um eine Mail an name@example.org zu schreiben, schreibe "
        "an diesen Kontakt:\nname\\40example.org@%1\n\nMir kannst du sagen:",
    [TEXT_HELP_HELP] = "zeigt diese Liste",
    [TEXT_HELP_SETTINGS] = "zeigt, was du gewählt hast",
    [TEXT_HELP_SENDERS] = "zeigt, wen du gesperrt und zugelassen hast",
    [TEXT_HELP_BLOCK] =
        "lässt keine Mail von einer Adresse oder einer ganzen Domain herein (block example.net)",
    [TEXT_HELP_ALLOW] = "lässt Mail von einer Adresse oder Domain auf jeden Fall herein",
    [TEXT_HELP_FORGET] =
        "sperrt eine Adresse oder Domain nicht mehr und lässt sie nicht mehr eigens zu",
    [TEXT_HELP_MAIL] = "zeigt die Mails, die für dich zurückgehalten werden",
    [TEXT_HELP_NEXT] = "bringt die älteste davon",
    [TEXT_HELP_ALL] = "bringt sie alle",
    [TEXT_HELP_SHOW] = "bringt die von einem Absender",
    [TEXT_CHOICES_NAME] = "Mail: Einstellungen",
    [TEXT_CHOICES_INTRO] =
        "Wie Mail zu dir kommt. „Wie hier üblich“ überlässt es denen, die das Gateway "
        "betreiben.",
    [TEXT_CHOICES_KEPT] = "Deine Einstellungen sind gespeichert.",
    [TEXT_SENDERS_NAME] = "Mail: gesperrte und zugelassene Absender",
    [TEXT_SENDERS_INTRO] =
        "Eine Mailadresse oder Domain je Zeile. Mail von gesperrten Absendern kommt nicht "
        "zu dir: Ein Mailserver, der sie unmittelbar übergibt, erfährt es, sonst wird sie "
        "verworfen.",
    [TEXT_SENDERS_BLOCKED] = "Gesperrt",
    [TEXT_SENDERS_ALLOWED] = "Zugelassen",
    [TEXT_SENDERS_KEPT] = "Die Listen sind gespeichert.",
    [TEXT_SENDERS_NONE] = "niemand",
    [TEXT_SENDERS_WRONG] = "%1 ist weder eine Mailadresse noch eine Domain.",
    [TEXT_SENDERS_MANY] = "Das sind zu viele: Höchstens %1 Absender können gespeichert werden.",
    [TEXT_SENDERS_BLOCKS] = "Mail von %1 kommt nicht mehr zu dir.",
    [TEXT_SENDERS_ALLOWS] = "Mail von %1 kommt auf jeden Fall zu dir.",
    [TEXT_SENDERS_FORGETS] = "%1 ist weder gesperrt noch eigens zugelassen.",
    [TEXT_VALUE_DEFAULT] = "wie hier üblich (%1)",
    [TEXT_VALUE_YES] = "ja",
    [TEXT_VALUE_NO] = "nein",
    [TEXT_VALUE_NORMAL] = "als einzelne Nachrichten",
    [TEXT_VALUE_CHAT] = "als Chat",
    [TEXT_VALUE_ALWAYS] = "immer",
    [TEXT_VALUE_NEW] = "wenn ein Gespräch beginnt",
    [TEXT_VALUE_NEVER] = "nie",
    [TEXT_VALUE_DELIVER] = "wird zugestellt",
    [TEXT_VALUE_NOTIFY] = "du erfährst davon, sie wird zurückgehalten",
    [TEXT_VALUE_DIGEST] = "wird zurückgehalten, du bekommst eine Liste",
    [TEXT_VALUE_HOLD] = "wird zurückgehalten",
    [TEXT_VALUE_BACK] = "wenn du wieder da bist",
    [TEXT_VALUE_ASKED] = "nur wenn du auf Nachfrage zustimmst",
    [TEXT_VALUE_LIKE_CHAT] = "als einzelne Nachrichten, Antworten in einem Chat als Chat",
    [TEXT_CHOICE_RECEIPTS] = "Absender, die es wünschen, erfahren, dass du ihre Mail gesehen hast",
    [TEXT_CHOICE_TYPE] = "Wie Mail ankommt",
    [TEXT_CHOICE_SUBJECT] = "Der Betreff steht über dem Text",
    [TEXT_CHOICE_QUOTES] = "Zitate und Signaturen bleiben in Antworten stehen",
    [TEXT_CHOICE_STRANGERS] =
        "Fremde dürfen dir schreiben, nicht nur Leute, denen du geschrieben oder die du "
        "zugelassen hast",
    [TEXT_CHOICE_WHEN_CHAT] = "Mail, wenn du gern reden möchtest",
    [TEXT_CHOICE_WHEN_ONLINE] = "Mail, wenn du online bist",
    [TEXT_CHOICE_WHEN_AWAY] = "Mail, wenn du abwesend bist",
    [TEXT_CHOICE_WHEN_XA] = "Mail, wenn du länger abwesend bist",
    [TEXT_CHOICE_WHEN_DND] = "Mail, wenn du nicht gestört werden möchtest",
    [TEXT_CHOICE_WHEN_OFFLINE] = "Mail, wenn du offline bist",
    [TEXT_CHOICE_DIGEST] = "Wann die Liste der zurückgehaltenen Mails kommt: alle so viele "
                           "Stunden, oder zu einer Uhrzeit nach der Uhr des Servers",
    [TEXT_HELD_NEW] = "Mail von",
    [TEXT_HELD_NO_SUBJECT] = "(kein Betreff)",
    [TEXT_HELD_LIST] = "Mails, die für dich zurückgehalten werden: %1",
    [TEXT_HELD_MORE] = "und %1 weitere",
    [TEXT_HELD_HOW] = "Sag „next“ für die älteste, „all“ für alle, „show romeo@example.net“ für "
                      "die von einem Absender.",
    [TEXT_HELD_NONE] = "Für dich wird keine Mail zurückgehalten.",
    [TEXT_HELD_GOES] = "Mails auf dem Weg zu dir: %1.",
    [TEXT_HELD_UNSEEN] = "Ich sehe noch nicht, ob du da bist, und bringe dir bis dahin alle Mail: "
                         "Erlaube %1, deine Anwesenheit zu sehen.",
    [TEXT_NOW] = "%1: %2.",
    [TEXT_RECEIPTS_ON] =
        "Lesebestätigungen sind an: Wer es wünscht, erfährt, wann du die Mail gesehen hast. "
        "„receipts off“ beendet das.",
    [TEXT_RECEIPTS_OFF] =
        "Lesebestätigungen sind aus: Niemand erfährt, ob du die Mail gesehen hast. "
        "„receipts on“ ändert das.",
    [TEXT_RECEIPTS_NEVER] =
        "Lesebestätigungen sind hier für alle aus: Die Verwaltung will es so. Was du "
        "wählst, bleibt gespeichert, falls sich das ändert.",
    [TEXT_NOT_STORED] = "Das Gateway konnte das nicht speichern. Versuche es später noch einmal.",
    [TEXT_BUSY] = "Das Gateway ist beschäftigt. Versuche es später noch einmal.",
    [TEXT_WRONG_VALUE] = "%1 kann nicht %2 sein.",
    [TEXT_REGISTER_NAME] = "Mail-Gateway",
    [TEXT_REGISTER_INTRO] =
        "Deine Mailadresse ist %1. Hier kannst du eine andere Adresse wählen, und "
        "den Namen, der in deinen Mails davor steht. Was du leer lässt, bleibt, "
        "wie das Gateway es macht.",
    [TEXT_REGISTER_INTRO_NAME] =
        "Deine Mailadresse ist %1. Hier kannst du den Namen wählen, der in "
        "deinen Mails davor steht. Was du leer lässt, bleibt, wie das Gateway "
        "es macht.",
    [TEXT_REGISTER_ALIAS] = "Deine Adresse vor @%1",
    [TEXT_REGISTER_OWN_NAME] = "Dein Name in Mails",
    [TEXT_BOX_FAILS] = "Dein Postfach %1 ist gestört: %2. Deine Mails bleiben, wo sie sind. Was "
                       "das Gateway davon weiß, kannst du in seinem Anmeldeformular ändern.",
    [TEXT_BOX_WELL] = "Dein Postfach %1 geht wieder.",
    [TEXT_BOX_INTRO] =
        "Mails in diesem Postfach kommen als Chat zu dir, und was du schreibst, geht von seiner "
        "Adresse aus.\nLeere Server werden geraten: imap. und smtp. vor der Domain der "
        "Adresse.\nEin "
        "leeres Passwort bleibt, wie es ist; das für SMTP ist das für IMAP.",
    [TEXT_BOX_EMAIL] = "Adresse deines eigenen Postfachs",
    [TEXT_BOX_IMAP_HOST] = "IMAP-Server",
    [TEXT_BOX_SMTP_HOST] = "SMTP-Server",
    [TEXT_BOX_PORT] = "%1: Port",
    [TEXT_BOX_SECURITY] = "%1: Sicherheit",
    [TEXT_BOX_TLS] = "TLS von Anfang an",
    [TEXT_BOX_STARTTLS] = "STARTTLS",
    [TEXT_BOX_USER] = "%1: Benutzer (leer: die Adresse)",
    [TEXT_BOX_PASSWORD] = "%1: Passwort",
    [TEXT_BOX_FOLDER] = "Überwachter Ordner",
    [TEXT_BOX_COPIES] = "Was du schreibst, wird in den Ordner der gesendeten Mails gelegt",
    [TEXT_BOX_ADD] = "Mail: eigenes Postfach hinzufügen",
    [TEXT_BOX_ADDED] = "Mails an %1 kommen von nun an zu dir.",
    [TEXT_BOX_MANAGE] = "Mail: ein Postfach ändern oder entfernen",
    [TEXT_BOX_WHICH] = "Postfach",
    [TEXT_BOX_ACTION] = "Was getan werden soll",
    [TEXT_BOX_CHANGE] = "ändern",
    [TEXT_BOX_FIRST] = "neue Mails gehen von ihm aus",
    [TEXT_BOX_REMOVE] = "aus dem Gateway entfernen",
    [TEXT_BOX_CHANGED] = "Was das Gateway von %1 weiß, ist geändert.",
    [TEXT_BOX_FIRST_NOW] = "Neue Mails gehen von %1 aus.",
    [TEXT_BOX_REMOVED] = "%1 ist aus dem Gateway entfernt. Deine Mails bleiben darin.",
    [TEXT_BOX_GONE] = "Dieses Postfach wurde inzwischen entfernt; nichts wurde geändert.",
    [TEXT_BOX_NONE] = "Du hast hier kein eigenes Postfach.",
    [TEXT_BOX_FULL] = "Du hast hier schon so viele Postfächer, wie du haben darfst.",
    [TEXT_STATUS_NAME] = "Gateway: Zustand",
    [TEXT_STATUS_WELL] = "Alles in Ordnung.",
    [TEXT_STATUS_HOUR] = "In der letzten Stunde:",
    [TEXT_QUEUE_NAME] = "Gateway: Warteschlange",
    [TEXT_QUEUE_INTRO] =
        "Die ältesten Nachrichten zuerst. Wähle eine und was mit ihr geschieht, oder "
        "blättere weiter.",
    [TEXT_QUEUE_MESSAGE] = "Nachricht",
    [TEXT_QUEUE_ACTION] = "Was mit ihr geschieht",
    [TEXT_QUEUE_SHOW] = "anzeigen",
    [TEXT_QUEUE_RETRY] = "jetzt noch einmal versuchen",
    [TEXT_QUEUE_DROP] = "verwerfen: Niemand erfährt es",
    [TEXT_QUEUE_EMPTY] = "In der Warteschlange ist nichts (mehr).",
    [TEXT_QUEUE_GONE] = "Die Nachricht %1 ist nicht mehr in der Warteschlange.",
    [TEXT_QUEUE_DONE] = "Nachricht %1: für %2 Empfänger erledigt.",
    [TEXT_MAP_NAME] = "Gateway: Was wird aus einer Adresse",
    [TEXT_MAP_ADDRESS] = "Mailadresse oder JID",
    [TEXT_MAP_NOTHING] = "Aus %1 wird nichts: %2",
    [TEXT_RELOAD_NAME] = "Gateway: Konfiguration neu lesen",
    [TEXT_RELOAD_DONE] = "Die neue Konfiguration gilt.",
    [TEXT_RELOAD_REFUSED] = "Die alte Konfiguration bleibt: %1",
    [TEXT_SEARCH_NAME] = "Mail: deine Kontakte durchsuchen",
    [TEXT_SEARCH_INTRO] = "Trage ein, was du weißt. Durchsucht werden nur deine eigenen Kontakte: "
                          "die in deiner Liste und die, mit denen du Mail gewechselt hast.",
    [TEXT_SEARCH_FIRST] = "Vorname",
    [TEXT_SEARCH_LAST] = "Nachname",
    [TEXT_SEARCH_NICK] = "Name",
    [TEXT_SEARCH_EMAIL] = "Mailadresse",
    [TEXT_SEARCH_JID] = "Kontakt",
    [TEXT_COMMANDS_NAME] = "Mail: Befehle",
    [TEXT_RULES_DONE] = "In Kraft und gespeichert: %1 gesetzt, %2 zurückgenommen.",
    [TEXT_RULES_WAIT] =
        "Das ist gespeichert, aber es gilt noch, was galt, bis eine andere Entscheidung "
        "zurückgenommen ist: %1",
    [TEXT_RULES_LATER] =
        "Das ist gespeichert, aber der Speicher reicht nicht: Es gilt nach einem Neustart.",
    [TEXT_RULES_MANY] = "Das sind zu viele.",
    [TEXT_PAIRS_NAME] = "Gateway: Adresspaare",
    [TEXT_PAIRS_INTRO] =
        "Paare neben denen der Konfiguration, die zuerst gelten. Wähle, was entfernt wird, oder "
        "nenne ein neues Paar: juliet@example.org und juliet.c@example.net, oder ganze Domains wie "
        "*@example.org und *@example.net.",
    [TEXT_PAIRS_REMOVE] = "Entfernen",
    [TEXT_PAIRS_JID] = "JID",
    [TEXT_PAIRS_MAIL] = "Mailadresse",
    [TEXT_PAIRS_DIRECTION] = "Richtung",
    [TEXT_PAIRS_BOTH] = "in beide Richtungen",
    [TEXT_PAIRS_TO_MAIL] = "nur von Jabber zu Mail",
    [TEXT_PAIRS_TO_JABBER] = "nur von Mail zu Jabber",
    [TEXT_PAIRS_TAKEN] = "%1 kann nicht so gepaart werden, denn dies gilt zuerst: %2",
    [TEXT_PAIRS_WRONG] = "Das kann kein Paar sein: %1",
    [TEXT_RIGHTS_NAME] = "Gateway: wer es nutzen darf",
    [TEXT_RIGHTS_INTRO] = "Eine Domain oder JID je Zeile. Die Konfiguration lässt diese zu: %1. "
                          "Wer ausgeschlossen ist, darf nicht, was auch die Konfiguration sagt; "
                          "eine zugelassene JID geht ihrer Domain vor.",
    [TEXT_RIGHTS_ALLOWED] = "Zugelassen",
    [TEXT_RIGHTS_DENIED] = "Ausgeschlossen",
    [TEXT_RIGHTS_WRONG] = "%1 ist weder eine Domain noch eine JID ohne Ressource.",
    [TEXT_LIMITS_NAME] = "Gateway: Grenzen",
    [TEXT_LIMITS_INTRO] = "0 heißt: keine Grenze. Was leer ist, gilt wie in der Konfiguration.",
    [TEXT_LIMITS_LABEL] = "%1 (in der Konfiguration: %2)",
    [TEXT_LIMITS_USER] = "Mails, die ein Nutzer in der Stunde senden darf",
    [TEXT_LIMITS_RECIPIENT] = "Mails, die alle in der Stunde an eine Adresse senden dürfen",
    [TEXT_LIMITS_LMTP] = "Mails, die in der Stunde per LMTP für einen Nutzer kommen dürfen",
    [TEXT_NOTHING_DONE] = "Es wurde nichts getan.",
    [TEXT_USERS_NAME] = "Gateway: angemeldete Nutzer",
    [TEXT_USERS_INTRO] = "Wähle jemanden von dieser Seite, oder nenne jemanden, und was geschieht.",
    [TEXT_USERS_USER] = "Nutzer",
    [TEXT_USERS_JID] = "Oder ein anderer: JID",
    [TEXT_USERS_REMOVE] = "die Anmeldung entfernen und alles, was gespeichert ist",
    [TEXT_USERS_SURE] = "%1 entfernen? Adresse, Einstellungen, Listen und eigene Postfächer hier "
                        "gehen verloren. Das lässt sich nicht zurücknehmen.",
    [TEXT_USERS_REMOVED] = "%1 wird entfernt.",
    [TEXT_USERS_NONE] = "%1 ist nicht angemeldet.",
    [TEXT_USERS_SINCE] = "Angemeldet",
    [TEXT_USERS_ADDRESS] = "Gewählte Adresse",
    [TEXT_USERS_CONTACTS] = "Kontakte",
    [TEXT_USERS_CHOICES] = "Einstellungen",
    [TEXT_USERS_SENDERS] = "Gesperrte und zugelassene Absender",
    [TEXT_USERS_HELD] = "Zurückgehaltene Mails",
    [TEXT_COUNT_NAME] = "Gateway: Zahl der angemeldeten Nutzer",
    [TEXT_ANNOUNCE_NAME] = "Gateway: Bekanntmachung",
    [TEXT_ANNOUNCE_INTRO] = "Eine Nachricht des Gateways an seine Nutzer: an die, die angemeldet "
                            "sind oder hier Kontakte haben, fünfzig in der Sekunde.",
    [TEXT_ANNOUNCE_SUBJECT] = "Betreff",
    [TEXT_ANNOUNCE_TEXT] = "Text",
    [TEXT_ANNOUNCE_TO] = "An",
    [TEXT_ANNOUNCE_ONLINE] = "die, die jetzt online sind",
    [TEXT_ANNOUNCE_ALL] = "alle: wer nicht da ist, liest es später",
    [TEXT_ANNOUNCE_WRONG] = "Der Text fehlt oder ist zu lang.",
    [TEXT_ANNOUNCE_DONE] = "Sie ist gespeichert und geht jetzt hinaus.",
    [TEXT_CHOICE_SUGGEST] = "Wer zum ersten Mal schreibt, wird als Kontakt vorgeschlagen",
    [TEXT_SUGGESTION] =
        "%1 hat dir zum ersten Mal geschrieben. Als Kontakt hinzufügen kannst du: %2",
    [TEXT_CHOICE_JABBERID] = "Deine Mails nennen deine Jabber-Adresse",
    [TEXT_QUEUE_SURE] = "Diese Nachricht verwerfen? Niemand erfährt es.",
};

/*
 * texts_en: what users read, in English.  No data but this table.
 */
#include "bridge/people/texts_inside.h"

const char *const texts_en[TEXT_COUNT] = {
    [TEXT_HELP_UNKNOWN] = "That is none of the words I know.",
    [TEXT_HELP_INTRO] =
        "I am the mail gateway. To write a mail to name@example.org, write to this contact:\n"
        "name\\40example.org@%1\n\nTo me you can say:",
    [TEXT_HELP_HELP] = "shows this list",
    [TEXT_HELP_SETTINGS] = "shows what you have chosen",
    [TEXT_HELP_SENDERS] = "lists whom you have blocked and allowed",
    [TEXT_HELP_BLOCK] =
        "lets in no mail from an address, or from a whole domain (block example.net)",
    [TEXT_HELP_ALLOW] = "lets in mail from an address or a domain in any case",
    [TEXT_HELP_FORGET] = "neither blocks nor allows an address or a domain any longer",
    [TEXT_HELP_MAIL] = "lists the mails that are held for you",
    [TEXT_HELP_NEXT] = "brings the oldest of them",
    [TEXT_HELP_ALL] = "brings all of them",
    [TEXT_HELP_SHOW] = "brings those of one sender",
    [TEXT_CHOICES_NAME] = "Mail: settings",
    [TEXT_CHOICES_INTRO] =
        "How mail comes to you. \"As usual here\" leaves it to those who run the gateway.",
    [TEXT_CHOICES_KEPT] = "Your settings are kept.",
    [TEXT_SENDERS_NAME] = "Mail: blocked and allowed senders",
    [TEXT_SENDERS_INTRO] =
        "One mail address or domain in a line. Mail from blocked senders does not come to "
        "you: a mail server that hands it over directly is told so, otherwise it is "
        "dropped.",
    [TEXT_SENDERS_BLOCKED] = "Blocked",
    [TEXT_SENDERS_ALLOWED] = "Allowed",
    [TEXT_SENDERS_KEPT] = "The lists are kept.",
    [TEXT_SENDERS_NONE] = "none",
    [TEXT_SENDERS_WRONG] = "%1 is neither a mail address nor a domain.",
    [TEXT_SENDERS_MANY] = "These are too many: at most %1 senders can be kept.",
    [TEXT_SENDERS_BLOCKS] = "Mail from %1 no longer comes to you.",
    [TEXT_SENDERS_ALLOWS] = "Mail from %1 comes to you in any case.",
    [TEXT_SENDERS_FORGETS] = "%1 is neither blocked nor allowed.",
    [TEXT_VALUE_DEFAULT] = "as usual here (%1)",
    [TEXT_VALUE_YES] = "yes",
    [TEXT_VALUE_NO] = "no",
    [TEXT_VALUE_NORMAL] = "as single messages",
    [TEXT_VALUE_CHAT] = "as chat",
    [TEXT_VALUE_ALWAYS] = "always",
    [TEXT_VALUE_NEW] = "when a conversation begins",
    [TEXT_VALUE_NEVER] = "never",
    [TEXT_VALUE_DELIVER] = "brought to you",
    [TEXT_VALUE_NOTIFY] = "you are told, and it is held",
    [TEXT_VALUE_DIGEST] = "held, and you get a list",
    [TEXT_VALUE_HOLD] = "held",
    [TEXT_VALUE_BACK] = "when you are back",
    [TEXT_VALUE_ASKED] = "not unless you say yes when you are asked",
    [TEXT_VALUE_LIKE_CHAT] = "as single messages, answers to a chat as chat",
    [TEXT_CHOICE_RECEIPTS] = "Senders who ask are told that you have seen their mail",
    [TEXT_CHOICE_TYPE] = "How mail arrives",
    [TEXT_CHOICE_SUBJECT] = "The subject stands above the text",
    [TEXT_CHOICE_QUOTES] = "Quoted text and signatures are kept in replies",
    [TEXT_CHOICE_STRANGERS] =
        "Strangers may write to you, not only people you have written to or allowed",
    [TEXT_CHOICE_WHEN_CHAT] = "Mail while you are free to chat",
    [TEXT_CHOICE_WHEN_ONLINE] = "Mail while you are online",
    [TEXT_CHOICE_WHEN_AWAY] = "Mail while you are away",
    [TEXT_CHOICE_WHEN_XA] = "Mail while you are away for long",
    [TEXT_CHOICE_WHEN_DND] = "Mail while you are not to be disturbed",
    [TEXT_CHOICE_WHEN_OFFLINE] = "Mail while you are offline",
    [TEXT_CHOICE_DIGEST] = "When the list of held mail comes: every so many hours, or at a time by "
                           "the clock of the server",
    [TEXT_HELD_NEW] = "Mail from",
    [TEXT_HELD_NO_SUBJECT] = "(no subject)",
    [TEXT_HELD_LIST] = "Mails that are held for you: %1",
    [TEXT_HELD_MORE] = "and %1 more",
    [TEXT_HELD_HOW] = "Say \"next\" for the oldest, \"all\" for all of them, \"show "
                      "romeo@example.net\" for those of one sender.",
    [TEXT_HELD_NONE] = "No mail is held for you.",
    [TEXT_HELD_GOES] = "Mails on their way to you: %1.",
    [TEXT_HELD_UNSEEN] = "I do not see yet whether you are there, and bring you all mail until I "
                         "do: allow %1 to see your presence.",
    [TEXT_NOW] = "%1: %2.",
    [TEXT_RECEIPTS_ON] =
        "Read receipts are on: who asks for it is told when you have seen their mail. "
        "\"receipts off\" ends that.",
    [TEXT_RECEIPTS_OFF] =
        "Read receipts are off: nobody is told whether you have seen their mail. \"receipts "
        "on\" changes that.",
    [TEXT_RECEIPTS_NEVER] =
        "Read receipts are off for everybody here: the administrators want it so. What you "
        "choose is kept, in case that changes.",
    [TEXT_NOT_STORED] = "The gateway could not store this. Try again later.",
    [TEXT_BUSY] = "The gateway is busy. Try again later.",
    [TEXT_WRONG_VALUE] = "%1 cannot be %2.",
    [TEXT_REGISTER_NAME] = "Mail gateway",
    [TEXT_REGISTER_INTRO] =
        "Your mail address is %1. Here you can choose another address, and the "
        "name that stands before it in your mails. What you leave empty stays as "
        "the gateway makes it.",
    [TEXT_REGISTER_INTRO_NAME] =
        "Your mail address is %1. Here you can choose the name that stands "
        "before it in your mails. What you leave empty stays as the gateway "
        "makes it.",
    [TEXT_REGISTER_ALIAS] = "Your address before @%1",
    [TEXT_REGISTER_OWN_NAME] = "Your name in mails",
    [TEXT_BOX_FAILS] = "Your mailbox %1 does not work: %2. Your mail stays where it is. Change "
                       "what the gateway knows of it in its registration form.",
    [TEXT_BOX_WELL] = "Your mailbox %1 works again.",
    [TEXT_BOX_INTRO] =
        "Mail of this mailbox comes to you as chat, and what you write leaves from "
        "its address.\nServers that you leave empty are guessed: imap. and smtp. "
        "before the domain of the address.\nA password that you leave empty stays as "
        "it is; that for SMTP is the one for IMAP.",
    [TEXT_BOX_EMAIL] = "Address of your own mailbox",
    [TEXT_BOX_IMAP_HOST] = "IMAP server",
    [TEXT_BOX_SMTP_HOST] = "SMTP server",
    [TEXT_BOX_PORT] = "%1: port",
    [TEXT_BOX_SECURITY] = "%1: security",
    [TEXT_BOX_TLS] = "TLS from the start",
    [TEXT_BOX_STARTTLS] = "STARTTLS",
    [TEXT_BOX_USER] = "%1: user (empty: the address)",
    [TEXT_BOX_PASSWORD] = "%1: password",
    [TEXT_BOX_FOLDER] = "Folder that is watched",
    [TEXT_BOX_COPIES] = "What you write is laid into the folder of sent mails",
    [TEXT_BOX_ADD] = "Mail: add a mailbox of your own",
    [TEXT_BOX_ADDED] = "Mail to %1 comes to you from now on.",
    [TEXT_BOX_MANAGE] = "Mail: change or remove a mailbox",
    [TEXT_BOX_WHICH] = "Mailbox",
    [TEXT_BOX_ACTION] = "What is to be done",
    [TEXT_BOX_CHANGE] = "change it",
    [TEXT_BOX_FIRST] = "new mails leave from it",
    [TEXT_BOX_REMOVE] = "remove it from the gateway",
    [TEXT_BOX_CHANGED] = "What the gateway knows of %1 is changed.",
    [TEXT_BOX_FIRST_NOW] = "New mails leave from %1.",
    [TEXT_BOX_REMOVED] = "%1 is removed from the gateway. Your mail stays in it.",
    [TEXT_BOX_GONE] = "This mailbox has been removed meanwhile; nothing was changed.",
    [TEXT_BOX_NONE] = "You have no mailbox of your own here.",
    [TEXT_BOX_FULL] = "You have as many mailboxes here as you may have.",
    [TEXT_STATUS_NAME] = "Gateway: status",
    [TEXT_STATUS_WELL] = "All is well.",
    [TEXT_STATUS_HOUR] = "In the last hour:",
    [TEXT_QUEUE_NAME] = "Gateway: queue",
    [TEXT_QUEUE_INTRO] =
        "The oldest messages first. Choose one and what is done with it, or go on to the "
        "next page.",
    [TEXT_QUEUE_MESSAGE] = "Message",
    [TEXT_QUEUE_ACTION] = "What is done with it",
    [TEXT_QUEUE_SHOW] = "show it",
    [TEXT_QUEUE_RETRY] = "try again now",
    [TEXT_QUEUE_DROP] = "drop it: nobody is told",
    [TEXT_QUEUE_EMPTY] = "There is nothing (more) in the queue.",
    [TEXT_QUEUE_GONE] = "The message %1 is no longer in the queue.",
    [TEXT_QUEUE_DONE] = "Message %1: done for %2 recipients.",
    [TEXT_MAP_NAME] = "Gateway: what becomes of an address",
    [TEXT_MAP_ADDRESS] = "Mail address or JID",
    [TEXT_MAP_NOTHING] = "%1 becomes nothing: %2",
    [TEXT_RELOAD_NAME] = "Gateway: read the configuration again",
    [TEXT_RELOAD_DONE] = "The new configuration is in force.",
    [TEXT_RELOAD_REFUSED] = "The old configuration stays: %1",
    [TEXT_SEARCH_NAME] = "Mail: search your contacts",
    [TEXT_SEARCH_INTRO] = "Fill in what you know. Only your own contacts are searched: those in "
                          "your list and those you have exchanged mail with.",
    [TEXT_SEARCH_FIRST] = "First name",
    [TEXT_SEARCH_LAST] = "Last name",
    [TEXT_SEARCH_NICK] = "Name",
    [TEXT_SEARCH_EMAIL] = "Mail address",
    [TEXT_SEARCH_JID] = "Contact",
    [TEXT_COMMANDS_NAME] = "Mail: commands",
    [TEXT_RULES_DONE] = "In force and kept: %1 set, %2 taken back.",
    [TEXT_RULES_WAIT] =
        "This is kept, but what was in force stays until another decision is taken back: %1",
    [TEXT_RULES_LATER] = "This is kept, but memory is out: it will be in force after a restart.",
    [TEXT_RULES_MANY] = "These are too many.",
    [TEXT_PAIRS_NAME] = "Gateway: address pairs",
    [TEXT_PAIRS_INTRO] =
        "Pairs beside those of the configuration, which come first. Choose what to remove, or name "
        "a new pair: juliet@example.org and juliet.c@example.net, or whole domains as "
        "*@example.org and *@example.net.",
    [TEXT_PAIRS_REMOVE] = "Remove",
    [TEXT_PAIRS_JID] = "JID",
    [TEXT_PAIRS_MAIL] = "Mail address",
    [TEXT_PAIRS_DIRECTION] = "Direction",
    [TEXT_PAIRS_BOTH] = "both ways",
    [TEXT_PAIRS_TO_MAIL] = "only from Jabber to mail",
    [TEXT_PAIRS_TO_JABBER] = "only from mail to Jabber",
    [TEXT_PAIRS_TAKEN] = "%1 cannot be paired so, as this comes first: %2",
    [TEXT_PAIRS_WRONG] = "This cannot be a pair: %1",
    [TEXT_RIGHTS_NAME] = "Gateway: who may use it",
    [TEXT_RIGHTS_INTRO] =
        "One domain or JID in a line. The configuration lets these in: %1. Who is denied may not, "
        "whatever the configuration says; a JID that is allowed goes before its domain.",
    [TEXT_RIGHTS_ALLOWED] = "Allowed",
    [TEXT_RIGHTS_DENIED] = "Denied",
    [TEXT_RIGHTS_WRONG] = "%1 is neither a domain nor a JID without a resource.",
    [TEXT_LIMITS_NAME] = "Gateway: limits",
    [TEXT_LIMITS_INTRO] = "0 is no limit. What is empty is as in the configuration.",
    [TEXT_LIMITS_LABEL] = "%1 (in the configuration: %2)",
    [TEXT_LIMITS_USER] = "Mails that a user may send in an hour",
    [TEXT_LIMITS_RECIPIENT] = "Mails that all may send to one address in an hour",
    [TEXT_LIMITS_LMTP] = "Mails that may come for one user by LMTP in an hour",
    [TEXT_NOTHING_DONE] = "Nothing was done.",
    [TEXT_USERS_NAME] = "Gateway: registered users",
    [TEXT_USERS_INTRO] = "Choose one of this page, or name one, and what is done.",
    [TEXT_USERS_USER] = "User",
    [TEXT_USERS_JID] = "Or another: JID",
    [TEXT_USERS_REMOVE] = "remove the registration, and all that is kept of them",
    [TEXT_USERS_SURE] = "Remove %1? Their address, settings, lists and own mailboxes here go. This "
                        "cannot be undone.",
    [TEXT_USERS_REMOVED] = "%1 is being removed.",
    [TEXT_USERS_NONE] = "%1 has not registered.",
    [TEXT_USERS_SINCE] = "Registered",
    [TEXT_USERS_ADDRESS] = "Chosen address",
    [TEXT_USERS_CONTACTS] = "Contacts",
    [TEXT_USERS_CHOICES] = "Settings",
    [TEXT_USERS_SENDERS] = "Blocked and allowed senders",
    [TEXT_USERS_HELD] = "Mails held back",
    [TEXT_COUNT_NAME] = "Gateway: number of registered users",
    [TEXT_ANNOUNCE_NAME] = "Gateway: announcement",
    [TEXT_ANNOUNCE_INTRO] = "A message from the gateway to its users: to those who have registered "
                            "or have contacts here, fifty in a second.",
    [TEXT_ANNOUNCE_SUBJECT] = "Subject",
    [TEXT_ANNOUNCE_TEXT] = "Text",
    [TEXT_ANNOUNCE_TO] = "To",
    [TEXT_ANNOUNCE_ONLINE] = "those who are online now",
    [TEXT_ANNOUNCE_ALL] = "all: who is away reads it later",
    [TEXT_ANNOUNCE_WRONG] = "The text is missing, or it is too long.",
    [TEXT_ANNOUNCE_DONE] = "It is stored, and goes out now.",
    [TEXT_CHOICE_SUGGEST] = "People who write for the first time are suggested as contacts",
    [TEXT_SUGGESTION] =
        "%1 has written to you for the first time. You can add them to your contacts: %2",
    [TEXT_CHOICE_JABBERID] = "Your mails say your Jabber address",
    [TEXT_QUEUE_SURE] = "Drop this message? Nobody is told.",
};

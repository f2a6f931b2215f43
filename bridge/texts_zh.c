/*
 * texts_zh: what users read, in Chinese (simplified).  No data but this table.
 */
#include "bridge/texts_inside.h"

const char *const texts_zh[TEXT_COUNT] = {
    [TEXT_HELP_UNKNOWN] = "我不认识这个词。",
    [TEXT_HELP_INTRO] =
        "我是邮件网关。要给 name@example.org 写邮件，请给联系人 name\\40example.org@%1 "
        "发消息。您可以对我说：",
    [TEXT_HELP_HELP] = "显示此列表",
    [TEXT_HELP_SETTINGS] = "显示您的设置",
    [TEXT_HELP_SENDERS] = "列出您屏蔽和允许的发件人",
    [TEXT_HELP_BLOCK] = "拒收某地址或整个域的邮件（block example.net）",
    [TEXT_HELP_ALLOW] = "始终接收某地址或域的邮件",
    [TEXT_HELP_FORGET] = "不再屏蔽或特别允许某地址或域",
    [TEXT_CHOICES_NAME] = "邮件：设置",
    [TEXT_CHOICES_INTRO] = "邮件如何送达您。“默认”表示由网关管理员决定。",
    [TEXT_CHOICES_KEPT] = "您的设置已保存。",
    [TEXT_SENDERS_NAME] = "邮件：屏蔽和允许的发件人",
    [TEXT_SENDERS_INTRO] = "每行一个邮件地址或域名。被屏蔽的发件人的邮件不会送达您：直接递交的邮件"
                           "服务器会得到通知，否则邮件将被丢弃。",
    [TEXT_SENDERS_BLOCKED] = "屏蔽",
    [TEXT_SENDERS_ALLOWED] = "允许",
    [TEXT_SENDERS_KEPT] = "列表已保存。",
    [TEXT_SENDERS_NONE] = "无",
    [TEXT_SENDERS_WRONG] = "%1 既不是邮件地址也不是域名。",
    [TEXT_SENDERS_MANY] = "太多了：最多可以保存 %1 个发件人。",
    [TEXT_SENDERS_BLOCKS] = "来自 %1 的邮件将不再送达您。",
    [TEXT_SENDERS_ALLOWS] = "来自 %1 的邮件将始终送达您。",
    [TEXT_SENDERS_FORGETS] = "%1 既未被屏蔽也未被特别允许。",
    [TEXT_VALUE_DEFAULT] = "默认",
    [TEXT_VALUE_YES] = "是",
    [TEXT_VALUE_NO] = "否",
    [TEXT_VALUE_NORMAL] = "作为单条消息",
    [TEXT_VALUE_CHAT] = "作为聊天",
    [TEXT_VALUE_ALWAYS] = "总是",
    [TEXT_VALUE_NEW] = "会话开始时",
    [TEXT_VALUE_NEVER] = "从不",
    [TEXT_CHOICE_RECEIPTS] = "应发件人要求告知其邮件已被阅读",
    [TEXT_CHOICE_TYPE] = "邮件的送达形式",
    [TEXT_CHOICE_SUBJECT] = "主题显示在正文上方",
    [TEXT_CHOICE_QUOTES] = "保留回复中的引文和签名",
    [TEXT_CHOICE_STRANGERS] = "陌生人可以给您写信（而不仅是您写过信或允许的人）",
    [TEXT_NOW] = "%1：%2。",
    [TEXT_RECEIPTS_ON] =
        "阅读回执已开启：提出要求的发件人会得知您已阅读邮件。“receipts off”可将其关闭。",
    [TEXT_RECEIPTS_OFF] = "阅读回执已关闭：没有人会得知您是否阅读了邮件。“receipts on”可将其开启。",
    [TEXT_RECEIPTS_NEVER] = "管理员已为所有人关闭阅读回执。您的选择会保留，以备日后更改。",
    [TEXT_NOT_STORED] = "网关无法保存。请稍后再试。",
    [TEXT_BUSY] = "网关繁忙，请稍后再试。",
    [TEXT_WRONG_VALUE] = "%1 不能为 %2。",
};

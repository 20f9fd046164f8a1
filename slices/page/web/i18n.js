/** Texts of the page, by language. A text that depends on values is a function. */

const span = (skew, [days, hours, minutes, seconds]) => {
  const total = Math.round(Math.abs(skew) / 1000)
  const parts = [
    [Math.floor(total / 86_400), days],
    [Math.floor(total / 3600) % 24, hours],
    [Math.floor(total / 60) % 60, minutes],
    [total % 60, seconds],
  ]
  const largest = parts.filter(([number]) => number > 0).slice(0, 2)
  return largest.map(([number, unit]) => `${number} ${unit}`).join(" ")
}

export const TEXTS = {
  "pt-BR": {
    otherLanguage: ["en", "English"],
    title: "Ponto",
    employee: "Matrícula",
    press: "Bater ponto",
    punches: "Batidas",
    today: date => `Hoje, ${date}`,
    more: "Mostrar mais",
    legend: "○ só neste aparelho · ✓ enviada ao servidor · ✓✓ registrada no banco de dados",
    settings: "Ajustes",
    key: "Chave deste aparelho",
    device: "Nome do aparelho",
    kiosk: "Quiosque: teclado na tela, uma pessoa de cada vez",
    save: "Salvar",
    export: "Exportar as batidas deste aparelho",
    clear: "Limpar",
    back: "Apagar o último",
    thanks: "Obrigado! ",
    punched: (time, employee) => `Batida das ${time} da matrícula ${employee}: `,
    kept: "guardada neste aparelho",
    confirmSecond: (seconds, employee) => `A matrícula ${employee} bateu há ${seconds} s. De novo?`,
    no: "Não",
    yes: "Bater de novo",
    noEmployee: "Digite a matrícula: um número inteiro a partir de 1.",
    notKept: reason => `A batida NÃO foi guardada. ${reason} Depois bata de novo.`,
    notSaved: reason => `NÃO foi salvo. ${reason}`,
    storageFull: "A memória deste aparelho está cheia: libere espaço.",
    storageTimeout: "O armazenamento deste aparelho não responde: abra a página de novo.",
    needsHttps: "O navegador não guarda batidas neste endereço: abra a página pelo endereço que começa com https.",
    needsBrowser: "Este navegador é antigo demais para guardar batidas: atualize-o ou use outro.",
    needsPermission: "O navegador não deixa este site guardar dados: permita os dados (cookies) deste site e abra a página de novo.",
    possiblyKept: reason => `Não se sabe se a batida foi guardada. ${reason} Veja se está na lista.`,
    waiting: "neste aparelho",
    sending: "enviando...",
    saving: "Guardando...",
    sent: "enviada",
    recorded: "registrada",
    refused: (status, reason) =>
      `recusada${status ? ` (${status})` : ""}${{ 400: ": não é uma batida válida", 413: ": é grande demais" }[status] ?? ""}. Mostre a quem cuida do ponto${reason ? ": " : "."}`,
    overdue: "enviada, ainda não registrada. Mostre a quem cuida do ponto.",
    employeeLabel: employee => `matrícula ${employee}`,
    conflict: "não registrada: o servidor tem outra batida no lugar desta. Mostre a quem cuida do ponto.",
    noPunch: "Nenhuma batida ainda.",
    countToday: (count, state) => {
      const stateText = { mixed: "", sent: count === 1 ? ", enviada" : ", todas enviadas", recorded: count === 1 ? ", registrada" : ", todas registradas" }[state]
      return count === 0 ? "Nenhuma batida hoje." : `${count} hoje${stateText}.`
    },
    summary: (waiting, refused, conflicts, overdue) =>
      [
        waiting === 1 ? "1 espera neste aparelho." : waiting > 1 ? `${waiting} esperam neste aparelho.` : "",
        refused === 0 ? "" : refused === 1 ? "1 foi recusada." : `${refused} foram recusadas.`,
        conflicts === 0 ? "" : conflicts === 1 ? "1 não foi registrada." : `${conflicts} não foram registradas.`,
        overdue === 0 ? "" : overdue === 1 ? "1 ainda não foi registrada." : `${overdue} ainda não foram registradas.`,
      ]
        .join(" ")
        .trim(),
    number: number => `nº ${number}`,
    receipt: "Comprovante",
    receiptText: ({ id, usuarioId, ponto, dispositivo, sequencia }) =>
      `Comprovante de batida de ponto

Matrícula: ${usuarioId}
Data: ${ponto.slice(0, 10).split("-").reverse().join("/")}
Hora: ${ponto.slice(11, 19)} (UTC${ponto.slice(-6)})
Aparelho: ${dispositivo}, nº ${sequencia}
Situação: registrada
Id: ${id}

Não emitido por REP-P certificado (Portaria MTP nº 671/2021).`,
    installText: withSteps =>
      `Instale a página na tela inicial: sem isso o navegador pode apagar batidas que esperam pela rede.${withSteps ? " Toque em Compartilhar e depois em Adicionar à Tela de Início." : ""}`,
    installYes: "Instalar",
    installNo: "Agora não",
    keptHere: ": as batidas ficam guardadas aqui",
    noKey: promise => `Este aparelho ainda não tem chave${promise}. Digite ou cole a chave em Ajustes.`,
    keyNotSaved: "A chave do link ainda NÃO foi guardada: libere espaço e deixe esta página aberta. Ela tenta de novo a cada minuto.",
    keyRefused: (status, promise) =>
      `A chave deste aparelho foi recusada (${status})${promise}. A página tenta de novo a cada 10 minutos; se a chave continuar recusada, peça outra e digite-a em Ajustes.`,
    offline: promise => `Sem rede${promise}${promise && " e são enviadas depois, automaticamente"}.`,
    unanswered: promise => `O servidor não responde; talvez não haja rede${promise}${promise && " e são enviadas depois, automaticamente"}.`,
    retrying: promise => `O servidor não recebe batidas agora${promise}${promise && " e são enviadas depois, automaticamente"}.`,
    clockSkewed: skew =>
      `O relógio deste aparelho está ${span(skew, ["d", "h", "min", "s"])} ${skew > 0 ? "adiantado" : "atrasado"}, e a batida conta com a hora que ele mostra. Acerte-o; o servidor anota a diferença.`,
    storageFailed: "Este navegador não consegue ler ou gravar os dados do aparelho. Libere espaço ou reinicie o navegador.",
    restored: punches =>
      `Uma das duas cópias dos dados deste aparelho se perdeu${punches === 0 ? "" : punches === 1 ? ", com 1 batida" : `, com ${punches} batidas`}. Ela foi refeita a partir da outra. Se isto se repetir, libere espaço no aparelho.`,
    persistent: "O navegador guarda os dados até que alguém os apague.",
    notPersistent: "O navegador pode apagar os dados se faltar espaço: instale a página na tela inicial antes da primeira batida sem rede.",
    keySet: end => `Há uma chave guardada, que termina em ${end}. Uma chave nova a substitui.`,
    keyUnset: "Nenhuma chave guardada. Você também pode colar o link que contém a chave.",
    keyWrong: "Isso não é uma chave. Uma chave tem letras e algarismos, sem espaços.",
    deviceState: name => `O servidor conhece este aparelho como ${name}. Com um nome novo, a numeração das batidas recomeça.`,
    deviceUnset: "O nome recebe um sufixo próprio desta instalação.",
    pin: "PIN dos ajustes",
    pinState: "Num quiosque, os ajustes e a exportação pedem este PIN; se está vazio, nada é pedido. O PIN não impede quem tem acesso ao navegador de ler os dados. Esqueceu o PIN? Digite uma chave válida.",
    proof: "PIN, ou uma chave válida",
    proofWait: seconds => `Muitas tentativas: tente de novo em ${seconds} s.`,
    proofWrong: "Não é o PIN nem uma chave que o servidor possa confirmar agora.",
    unlock: "Abrir",
    saved: "Salvo.",
    signIn: "Entrar com a sua conta",
    signOut: employee => `Sair da conta da matrícula ${employee}`,
    notSignedIn: promise =>
      `Nenhum empregado entrou na conta${promise}${promise && " e são enviadas quando cada empregado entrar com a própria conta"}.`,
    signInFailed: reason => `Não foi possível entrar (${reason}). Tente de novo.`,
    replaceTitle: "Trocar a chave?",
    replaceText: "O link contém uma chave diferente da que está guardada neste aparelho. Troque só se recebeu o link de quem cuida do ponto.",
    replaceNo: "Manter a guardada",
    replaceYes: "Trocar",
  },
  en: {
    otherLanguage: ["pt-BR", "Português"],
    title: "Time clock",
    employee: "Employee number",
    press: "Punch",
    punches: "Punches",
    today: date => `Today, ${date}`,
    more: "Show more",
    legend: "○ only on this device · ✓ sent to the server · ✓✓ recorded in the database",
    settings: "Settings",
    key: "Key of this device",
    device: "Name of this device",
    kiosk: "Kiosk: number pad on the screen, one person after another",
    save: "Save",
    export: "Export the punches of this device",
    clear: "Clear",
    back: "Delete the last digit",
    thanks: "Thank you! ",
    punched: (time, employee) => `Punch of employee ${employee} at ${time}: `,
    kept: "kept on this device",
    confirmSecond: (seconds, employee) => `Employee ${employee} punched ${seconds} s ago. Again?`,
    no: "No",
    yes: "Punch again",
    noEmployee: "Enter the employee number: a whole number from 1.",
    notKept: reason => `The punch was NOT kept. ${reason} Then punch again.`,
    notSaved: reason => `NOT saved. ${reason}`,
    storageFull: "The storage of this device is full: free some space.",
    storageTimeout: "The storage of this device does not answer: open the page again.",
    needsHttps: "The browser keeps no punches at this address: open the page at the address that begins with https.",
    needsBrowser: "This browser is too old to keep punches: update it or use another one.",
    needsPermission: "The browser does not let this site keep data: allow the data (cookies) of this site and open the page again.",
    possiblyKept: reason => `It is not known whether the punch was kept. ${reason} Look for it in the list.`,
    waiting: "on this device",
    sending: "sending...",
    saving: "Saving...",
    sent: "sent",
    recorded: "recorded",
    refused: (status, reason) =>
      `refused${status ? ` (${status})` : ""}${{ 400: ": not a valid punch", 413: ": too large" }[status] ?? ""}. Show this to the person in charge of the time clock${reason ? ": " : "."}`,
    overdue: "sent, not recorded yet. Show this to the person in charge of the time clock.",
    employeeLabel: employee => `employee ${employee}`,
    conflict: "not recorded: the server has another punch in its place. Show this to the person in charge of the time clock.",
    noPunch: "No punch yet.",
    countToday: (count, state) => {
      const stateText = { mixed: "", sent: count === 1 ? ", sent" : ", all sent", recorded: count === 1 ? ", recorded" : ", all recorded" }[state]
      return count === 0 ? "No punch today." : `${count} today${stateText}.`
    },
    summary: (waiting, refused, conflicts, overdue) =>
      [
        waiting === 1 ? "1 waits on this device." : waiting > 1 ? `${waiting} wait on this device.` : "",
        refused === 0 ? "" : refused === 1 ? "1 was refused." : `${refused} were refused.`,
        conflicts === 0 ? "" : conflicts === 1 ? "1 was not recorded." : `${conflicts} were not recorded.`,
        overdue === 0 ? "" : overdue === 1 ? "1 is not recorded yet." : `${overdue} are not recorded yet.`,
      ]
        .join(" ")
        .trim(),
    number: number => `no. ${number}`,
    receipt: "Receipt",
    receiptText: ({ id, usuarioId, ponto, dispositivo, sequencia }) =>
      `Receipt of a punch

Employee: ${usuarioId}
Date: ${ponto.slice(0, 10)}
Time: ${ponto.slice(11, 19)} (UTC${ponto.slice(-6)})
Device: ${dispositivo}, no. ${sequencia}
State: recorded
Id: ${id}

Not issued by a certified REP-P (Portaria MTP no. 671/2021).`,
    installText: withSteps =>
      `Install the page on the home screen: without it the browser may delete punches that wait for the network.${withSteps ? " Tap Share, then Add to Home Screen." : ""}`,
    installYes: "Install",
    installNo: "Not now",
    keptHere: ": punches are kept here",
    noKey: promise => `This device has no key yet${promise}. Type or paste the key in Settings.`,
    keyNotSaved: "The key of the link is NOT saved yet: free some space and keep this page open. It tries again every minute.",
    keyRefused: (status, promise) =>
      `The key of this device was refused (${status})${promise}. The page tries again every 10 minutes; if the key is still refused, ask for another one and type it in Settings.`,
    offline: promise => `No network${promise}${promise && " and sent later, automatically"}.`,
    unanswered: promise => `The server does not answer; the network may be down${promise}${promise && " and sent later, automatically"}.`,
    retrying: promise => `The server does not accept punches right now${promise}${promise && " and sent later, automatically"}.`,
    clockSkewed: skew =>
      `The clock of this device is ${span(skew, ["d", "h", "min", "s"])} ${skew > 0 ? "fast" : "slow"}, and a punch counts at the time that it shows. Correct it; the server records the difference.`,
    storageFailed: "This browser cannot read or write the device's data. Free some space or restart the browser.",
    restored: punches =>
      `One of the two copies of this device's data was lost${punches === 0 ? "" : punches === 1 ? ", with 1 punch" : `, with ${punches} punches`}. It was restored from the other. If this happens again, free some space on the device.`,
    persistent: "The browser keeps the data until a user deletes it.",
    notPersistent: "The browser may delete the data when space runs out: install the page on the home screen before the first offline punch.",
    keySet: end => `A key that ends in ${end} is saved. A new key replaces it.`,
    keyUnset: "No key is saved. You can also paste the link that contains the key.",
    keyWrong: "This is not a key. A key has letters and digits, and no spaces.",
    deviceState: name => `The server knows this device as ${name}. With a new name, the numbers of the punches start again.`,
    deviceUnset: "A suffix for this installation is added to the name.",
    pin: "PIN of the settings",
    pinState: "In a kiosk, the settings and the export ask for this PIN; if it is empty, nothing is asked for. The PIN does not keep a person who can use the browser from reading the data. Forgot the PIN? Type a valid key.",
    proof: "PIN, or a valid key",
    proofWait: seconds => `Too many tries: try again in ${seconds} s.`,
    proofWrong: "This is neither the PIN nor a key that the server can confirm now.",
    unlock: "Open",
    saved: "Saved.",
    signIn: "Sign in with your account",
    signOut: employee => `Sign employee ${employee} out`,
    notSignedIn: promise => `No employee is signed in${promise}${promise && ", and sent when each employee signs in"}.`,
    signInFailed: reason => `Signing in failed (${reason}). Try again.`,
    replaceTitle: "Replace the key?",
    replaceText: "The link contains another key than the one saved on this device. Replace it only if you got the link from the person in charge of the time clock.",
    replaceNo: "Keep the saved key",
    replaceYes: "Replace",
  },
}

/**
 * Returns the language of the page.
 * @param {string | null} saved the employee's choice
 * @param {readonly string[]} preferred the browser's languages, best first
 * @returns {"pt-BR" | "en"}
 */
export function chooseLanguage(saved, preferred) {
  if (saved in TEXTS) return saved
  const first = preferred.find(language => /^(pt|en)\b/i.test(language)) ?? "pt"
  return /^en/i.test(first) ? "en" : "pt-BR"
}

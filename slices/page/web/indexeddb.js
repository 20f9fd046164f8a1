/** The first store, in IndexedDB: punches, and settings by their names. */

import { withTimeout } from "./rules.js"

let connectionPromise = null
let currentConnection = null // result of connectionPromise

/** @returns {Promise<IDBDatabase>} the same connection until the browser or `closeConnection` closes it */
export function openConnection() {
  connectionPromise ??= withTimeout(connect(), "IndexedDB").then(
    connection => (currentConnection = connection),
    error => {
      connectionPromise = null
      throw error
    },
  )
  return connectionPromise
}

function connect() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("ponto", 1)
    request.onupgradeneeded = () => {
      const punches = request.result.createObjectStore("punches", { keyPath: "order", autoIncrement: true })
      punches.createIndex("state", ["state", "order"])
      punches.createIndex("id", "body.id", { unique: true })
      request.result.createObjectStore("settings")
    }
    request.onsuccess = () => {
      const connection = request.result
      connection.onversionchange = connection.onclose = () => closeConnection(connection) // lets a newer page open the database
      resolve(connection)
    }
    request.onerror = () => reject(request.error)
  })
}

/** Closes a connection; the next `openConnection` opens another one. */
export function closeConnection(connection) {
  connection.close()
  if (connection === currentConnection) connectionPromise = null
}

/**
 * Returns whether an error means that the browser has lost the connection to its database, which sometimes happens. The
 * transaction has then written nothing.
 * @param {Error} error
 */
export const isConnectionLost = error => ["InvalidStateError", "UnknownError"].includes(error.name)

/**
 * Runs one transaction. It is on the disk when the promise is fulfilled.
 * @param {IDBDatabase} connection
 * @param {IDBTransactionMode} mode
 * @param {(punches: IDBObjectStore, settings: IDBObjectStore, setResult: (result: any) => void) => void} work
 * @returns {Promise<any>} the result that `work` has set, once the transaction is complete
 */
export function transact(connection, mode, work) {
  const completion = new Promise((resolve, reject) => {
    const transaction = connection.transaction(["punches", "settings"], mode, { durability: "strict" })
    let result
    transaction.oncomplete = () => resolve(result)
    transaction.onabort = () => reject(transaction.error ?? new DOMException("the transaction was aborted", "AbortError"))
    try {
      work(transaction.objectStore("punches"), transaction.objectStore("settings"), value => (result = value))
    } catch (error) {
      reject(error)
      transaction.abort() // otherwise the requests until then would be written
    }
  })
  return withTimeout(completion, "IndexedDB")
}

/** Calls a function with the result of a request. */
export const onSuccess = (request, callback) => (request.onsuccess = () => callback(request.result))

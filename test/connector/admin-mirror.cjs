// ilp-plugin-mirror with something to administer.
const Mirror = require('ilp-plugin-mirror')

module.exports = class AdminMirror extends Mirror {
  constructor(...args) {
    super(...args)
    this.note = 'nothing yet'
  }

  async getAdminInfo() {
    return { note: this.note }
  }

  async sendAdminInfo({ note }) {
    this.note = note
    return { taken: true }
  }
}
